"""Acts on tasks whose message, worker or dead letter was lost, and on those with a distant start.

Every live task has a due time. Every minute the sweep reads the due tasks; the first line that fits decides:

    waiting, past its expires_at         expire
    waiting, starts later                check again shortly before the start
    waiting, its type is paused          park until the type is resumed
    waiting, starts soon                 send with the exact delay
    waiting, may start                   its message was lost: send again, at growing intervals
    failed, dead letter not sent         send the dead letter
    running, lease held                  check again when the lease ends
    running, lease ended                 its worker is gone: retry, fail or cancel

Each write requires that the row is still as it was read, so sweeps may overlap. The row is written before the
message is sent: a crash in between leaves a due row, not a lost task.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from chalicelib.domain.pauses import (
    PARKED_CHECK_INTERVAL,
    RESUME_GRACE,
    parked,
    parking_bucket_of,
    parking_buckets_of,
    unparked,
)
from chalicelib.domain.task import Conflict, ErrorKind, Task, TaskError
from chalicelib.domain.timing import SEND_AHEAD, Timing
from chalicelib.observability import Metrics, log, with_log_context
from chalicelib.services.dead_letter_publisher import DeadLetterPublisher
from chalicelib.services.reading import read_many
from chalicelib.services.task_sender import TaskSender

if TYPE_CHECKING:
    from chalicelib.aws.dynamodb.due_index import DueIndex
    from chalicelib.aws.dynamodb.task_table import TaskTable
    from chalicelib.services.pauses import PauseCache
    from chalicelib.services.runtime import Runtime


@dataclass(frozen=True, slots=True)
class _Message:
    """A message to send once the row is written."""

    task: Task
    delay: timedelta


class Sweeper:
    """Acts on every due task."""

    def __init__(
        self,
        *,
        tasks: TaskTable,
        due: DueIndex,
        sender: TaskSender,
        dead_letter_publisher: DeadLetterPublisher,
        pauses: PauseCache,
        timing: Timing,
        metrics: Metrics,
        runtime: Runtime,
        due_buckets: int,
    ) -> None:
        self._tasks = tasks
        self._due = due
        self._sender = sender
        self._dead_letter_publisher = dead_letter_publisher
        self._pauses = pauses
        self._timing = timing
        self._metrics = metrics
        self._threads = runtime.aws_threads
        #: Separate threads, because the work of a bucket waits for `_threads`.
        self._bucket_threads = runtime.threads.pool(due_buckets, "bucket")
        self._due_buckets = due_buckets
        self._clock = runtime.clock
        self._random = runtime.random

    def sweep(self, ends_at: datetime) -> int:
        """Act on all due tasks, buckets side by side, until none is left or time is up.

        Returns the number of tasks acted on.
        """
        stop_at = min(self._clock() + self._timing.sweep, ends_at - self._timing.reserve)
        acted = self._in_buckets(lambda bucket: self._sweep_bucket(bucket, stop_at))
        for ended in self._pauses.ended():
            acted += (sent := self.send_parked(ended.task_type, stop_at))
            now = self._clock()
            # guard: pause.forgotten-late
            if not sent and ended.resumed_at is not None and ended.resumed_at + RESUME_GRACE <= now < stop_at:
                self._pauses.forget(ended)
        self._metrics.add("SweepActed", acted)  # at the end of every sweep: an alarm watches for its absence
        log.info("Sweep finished", action="sweep_finished", acted=acted)
        return acted

    def send_parked(self, task_type: str, stop_at: datetime) -> int:
        """Send the parked tasks of a type that is no longer paused, until `stop_at`. Returns their number."""
        return self._in_buckets(
            lambda bucket: self._send_parked(parking_bucket_of(bucket, task_type), task_type, stop_at)
        )

    def _in_buckets(self, act: Callable[[int], int]) -> int:
        return sum(self._bucket_threads.map(with_log_context(act), range(self._due_buckets)))

    def _sweep_bucket(self, bucket: int, stop_at: datetime) -> int:
        acted = 0
        for each in (bucket, *parking_buckets_of(bucket)):  # guard: pause.parked-are-swept
            for names in self._due.until(each, self._clock()):
                if self._clock() >= stop_at:
                    log.warning("Sweep ran out of time", action="sweep_cut", bucket=each)
                    return acted
                acted += self._sweep_rows(read_many(self._tasks, names))
        return acted

    def _send_parked(self, parking_bucket: int, task_type: str, stop_at: datetime) -> int:
        acted = 0
        for names in self._due.until(parking_bucket, self._clock() + PARKED_CHECK_INTERVAL + RESUME_GRACE):
            if self._clock() >= stop_at:
                break
            rows = read_many(self._tasks, names)
            tasks = [task for task in rows if task.waiting and task.type == task_type]
            acted += self._act_on(tasks, self._clock())
        return acted

    def _sweep_rows(self, tasks: Sequence[Task]) -> int:
        """Act on the due tasks of a page."""
        now = self._clock()
        due = [task for task in tasks if task.due_at is not None and task.due_at <= now]
        if not due:
            return 0
        lag = max((now - task.due_at).total_seconds() for task in due if task.due_at is not None)
        self._metrics.add("SweepLag", lag, "Seconds")
        return self._act_on(due, now)

    def _act_on(self, tasks: Sequence[Task], now: datetime) -> int:
        """Act on tasks, due or not: first all writes, then the messages. Returns the number of tasks."""
        self._pauses.paused()  # fills the cache once, not in each thread
        messages = [
            (message.task, message.delay.total_seconds())
            for message in self._threads.map(with_log_context(lambda task: self._act(task, now)), tasks)
            if message is not None
        ]
        if messages:
            self._sender.send(messages)
        for task, delay in messages:
            log.about(task).info("Task message sent", action="task_woken", delay_seconds=delay)
        return len(tasks)

    def _act(self, task: Task, now: datetime) -> _Message | None:
        """Act on one task. After an error it stays due, and the sweep continues."""
        try:
            if task.waiting:
                return self._act_on_waiting(task, now)
            if task.dead_letter_unsent:
                self._dead_letter_publisher.publish(task)
            elif task.lease_until is not None and task.lease_until > now:  # guard: rescue.lease-over
                self._write(task, task.check_again(now, task.lease_until))
            elif task.lease_until is not None:
                return self._rescue(task, now)
        except Exception:
            self._metrics.add("SweepErrors")
            log.about(task).exception("Sweep of a task failed", action="sweep_failed")
        return None

    def _act_on_waiting(self, task: Task, now: datetime) -> _Message | None:
        """Expire, park or send a waiting task, or check it again before its start."""
        if task.expires_at is not None and task.expires_at <= now:
            self._report(self._write(task, task.expire(now, self._timing.keep)), "TasksExpired")
            return None
        wait = task.run_at - now
        if wait > self._timing.lookahead:
            self._write(task, task.check_again(now, task.due(task.run_at - self._timing.lookahead)))
            return None
        if task.type in self._pauses.paused():
            self._tasks.replace_due(task, parked(task, now))
            return None
        if wait > timedelta(0):
            return self._message(
                self._write(task, task.check_again(now, task.due(task.run_at + self._timing.grace))), wait
            )
        due_at = task.due(now + self._timing.resend_after(-wait))
        return self._message(self._write(task, task.check_again(now, due_at)), timedelta(0))

    def _rescue(self, task: Task, now: datetime) -> _Message | None:
        """Retry, fail or cancel a running task whose lease has ended: its worker is gone."""
        error = TaskError.of(
            ErrorKind.CRASHED, "The worker vanished: its lease ran out and nothing was recorded."
        )
        if task.cancel_requested:  # guard: rescue.cancel-wins
            self._report(self._write(task, task.stop(now, self._timing.keep, error)), "TasksCanceled")
            return None
        if task.attempt >= task.max_attempts:  # guard: rescue.last-attempt
            stored = self._write(task, task.fail(now, error, self._timing.keep))
            self._report(stored, "TasksFailed")
            if stored is not None:
                self._dead_letter_publisher.publish(stored)
            return None
        wait = timedelta(seconds=self._timing.retry.backoff(task.attempt, self._random))
        wake_after = self._timing.wake_after(wait, SEND_AHEAD)
        stored = self._write(task, task.retry_later(now, error, wait, wake_after))
        self._report(stored, "TasksRetried")
        return self._message(stored, wait) if wait <= SEND_AHEAD else None

    def _write(self, seen: Task, after: Task) -> Task | None:
        """The stored task; None if another writer changed the row since it was read, and so handles it."""
        stored = self._tasks.replace_due(seen, unparked(after))  # guard: pause.unparked-when-written
        return None if isinstance(stored, Conflict) else stored

    @staticmethod
    def _message(stored: Task | None, delay: timedelta) -> _Message | None:
        return None if stored is None else _Message(stored, delay)

    def _report(self, stored: Task | None, metric: str) -> None:
        if stored is not None:
            self._metrics.add(metric, 1, TaskType=stored.type)
            log.about(stored).info("Task swept", action=f"task_{stored.status.value}")
