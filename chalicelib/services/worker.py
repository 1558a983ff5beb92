"""Running tasks: claim, run the task type, record the outcome.

    message ─> claim ─refused──────────────────────> ack: the row has its due_at; of a paused type: parked
                 └─> run ─result──────────────────> succeeded, ack
                       ├─Snooze, error────────────> scheduled, retrying; the message is kept for a short wait
                       ├─last attempt, NonRetryable> failed, dead letter, ack
                       └─Cancel, cancel requested──> canceled, ack

The row is written before the message is touched: whatever dies in between, the row decides.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, assert_never

from chalicelib.domain.messages import NotOurs, QueueMessage, WakeUp
from chalicelib.domain.outcomes import Cancel, Snooze
from chalicelib.domain.pauses import parked
from chalicelib.domain.retry import RetryPolicy
from chalicelib.domain.task import ErrorKind, Refused, Task, TaskError, TaskStatus
from chalicelib.domain.timing import KEEP_MESSAGE, Timing
from chalicelib.observability import Metrics, bound, carried, log
from chalicelib.services.dead_letters import Obituary
from chalicelib.services.run import Failure, Lost, Outcome, Run, Success
from chalicelib.services.run_notes import RunNotes

if TYPE_CHECKING:
    from chalicelib.aws.dead_letter_queue import DeadLetterQueue
    from chalicelib.aws.secrets import Secrets
    from chalicelib.aws.task_queue import TaskQueue
    from chalicelib.aws.task_table import TaskTable
    from chalicelib.domain.task_types import TaskType, TaskTypes
    from chalicelib.services.pauses import Pauses
    from chalicelib.services.threads import Threads

#: Less than this left of an invocation starts nothing.
_LEAST = timedelta(seconds=1)
#: A kept message comes back this much after its row allows the start.
_SLACK_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class _Keep:
    """The message is not done: show it again after `seconds`."""

    seconds: float


@dataclass(slots=True)
class _Batch:
    """One delivery of messages, from one lane, in one invocation."""

    lane: str
    ends_at: datetime
    abandoned: list[Run] = field(default_factory=list)


class Worker:
    """Runs what the queues deliver."""

    def __init__(
        self,
        *,
        tasks: TaskTable,
        queue: TaskQueue,
        dead_letters: DeadLetterQueue,
        obituary: Obituary,
        task_types: TaskTypes,
        pauses: Pauses,
        secrets: Secrets,
        retry: RetryPolicy,
        timing: Timing,
        metrics: Metrics,
        threads: Executor,
        run_threads: Threads,
        clock: Callable[[], datetime],
        draw: Callable[[], float],
        claim_id: Callable[[], str],
        end_process: Callable[[], None],
    ) -> None:
        self._tasks = tasks
        self._queue = queue
        self._dead_letters = dead_letters
        self._obituary = obituary
        self._task_types = task_types
        self._pauses = pauses
        self._secrets = secrets
        self._retry = retry
        self._timing = timing
        self._metrics = metrics
        self._notes = RunNotes(metrics, clock)
        self._threads = threads
        self._run_threads = run_threads
        self._clock = clock
        self._draw = draw
        self._claim_id = claim_id
        self._end_process = end_process

    def run_batch(self, messages: Sequence[QueueMessage], lane: str, ends_at: datetime) -> list[str]:
        """Run what `messages` wake, side by side, until `ends_at`; the ids of those to be kept.

        A run that does not stop at its deadline is recorded as timed out, and once all outcomes are recorded
        the process ends itself: the run's thread must not go on into the next invocation.
        """
        batch = _Batch(lane=lane, ends_at=ends_at)
        self._pauses.paused()  # asked once, and not by each thread
        kept = list(self._threads.map(carried(lambda message: self._receive(message, batch)), messages))
        if batch.abandoned:
            for run in batch.abandoned:
                run.log.error("Process ended to stop a run past its deadline", action="process_ended")
            self._metrics.flush()
            self._end_process()
        return [message.message_id for message, keep in zip(messages, kept, strict=True) if keep]

    def _receive(self, message: QueueMessage, batch: _Batch) -> bool:
        """Handle one message, with its task's ids on every line; is it to be kept?"""
        try:
            wake_up = WakeUp.parse(message.body)
        except NotOurs as reason:
            return self._settle(message, batch, partial(self._quarantine, message, str(reason)))
        with bound(task_id=wake_up.task_id, correlation_id=wake_up.correlation_id):
            return self._settle(message, batch, partial(self._wake, wake_up, batch))

    def _settle(self, message: QueueMessage, batch: _Batch, handle: Callable[[], _Keep | None]) -> bool:
        """Do what a message asks for; is it to be kept? One that goes wrong must not stop the others."""
        try:
            keep = handle()
            if keep is not None:
                self._queue.show_again_in(batch.lane, message.receipt_handle, keep.seconds + _SLACK_SECONDS)
        except Exception:
            log.exception("Message failed", action="message_failed", message_id=message.message_id)
            return True
        return keep is not None

    def _quarantine(self, message: QueueMessage, reason: str) -> None:
        """A message that is not ours: to the dead letters, under its own id."""
        self._dead_letters.quarantine(message.body, message.message_id)
        log.warning(
            "Message quarantined",
            action="message_quarantined",
            message_id=message.message_id,
            reason=reason,
        )

    def _wake(self, wake_up: WakeUp, batch: _Batch) -> _Keep | None:
        """Claim the task and run it, unless too little of the invocation is left for that."""
        if batch.ends_at - self._timing.reserve - self._clock() < _LEAST:
            return _Keep(0)
        task = self._claim(wake_up)
        if task is None:
            log.info("Claim refused", action="claim_refused")
            return None
        return self._run(task, batch)

    def _claim(self, wake_up: WakeUp) -> Task | None:
        """The task, if it may run now. One of a paused type is parked, unless the pause just ended."""
        for _ in range(2):
            task = self._tasks.claim(
                wake_up.owner,
                wake_up.task_id,
                now=self._clock(),
                margin=self._timing.lease_margin,
                claim_id=self._claim_id(),
                paused=self._pauses.paused(),
            )
            if isinstance(task, Task):
                return task
            held = task.current
            if held is None or not held.waiting:
                break
            if self._pauses.confirmed(held.type):
                self._tasks.replace_due(held, parked(held, self._clock()))
                break
        return None

    def _run(self, task: Task, batch: _Batch) -> _Keep | None:
        run = self._new_run(task, batch.ends_at)
        self._notes.started(run)
        outcome = self._execute(run)
        if run.abandoned:
            batch.abandoned.append(run)
        return self._record(run, outcome)

    def _new_run(self, task: Task, ends_at: datetime) -> Run:
        return Run(
            task,
            tasks=self._tasks,
            secrets=self._secrets,
            threads=self._run_threads,
            clock=self._clock,
            timing=self._timing,
            ends_at=ends_at,
        )

    def _execute(self, run: Run) -> Outcome:
        task_type: TaskType[Any] | None = self._task_types.find(run.task.type)
        if task_type is None:  # a message of newer code reached older code, or the type was removed
            message = f"No task type {run.task.type!r} is registered in the code that runs."
            return Failure(TaskError.of(ErrorKind.EXCEPTION, message, "UnknownTaskType"))
        return run.execute(task_type)

    # --- Recording an outcome (T3 to T7) --------------------------------------------------------

    def _record(self, run: Run, outcome: Outcome) -> _Keep | None:
        now = self._clock()
        task = run.last_word()
        match outcome:
            case Success(result):
                self._end(run, task.succeed(now, result, self._timing.keep))
            case Cancel(reason):
                self._end(run, task.stop(now, self._timing.keep, _canceled(reason)))
            case Snooze(seconds):
                wait = timedelta(seconds=seconds)
                after = task.snooze(now, wait, self._timing.wake_after(wait, KEEP_MESSAGE))
                return self._put_off(run, after, wait)
            case Failure():
                return self._record_failure(run, task, outcome, now)
            case Lost():
                run.log.warning("Lease lost, outcome dropped", action="lease_lost", lease=task.lease)
            case _:
                assert_never(outcome)
        return None

    def _record_failure(self, run: Run, task: Task, failure: Failure, now: datetime) -> _Keep | None:
        if failure.final or task.attempt >= task.max_attempts:
            self._end(run, task.fail(now, failure.error, self._timing.keep), unless_canceled=True)
            return None
        seconds = failure.wait_seconds
        wait = timedelta(
            seconds=self._retry.backoff(task.attempt, self._draw) if seconds is None else seconds
        )
        after = task.retry_later(now, failure.error, wait, self._timing.wake_after(wait, KEEP_MESSAGE))
        return self._put_off(run, after, wait)

    def _put_off(self, run: Run, after: Task, wait: timedelta) -> _Keep | None:
        """Retrying or snoozed (T4, T5); a short wait keeps the message, a long one is the sweep's."""
        stored = self._finish(run, after, unless_canceled=True)
        if stored is None or stored.terminal or wait > KEEP_MESSAGE:
            return None
        return _Keep(wait.total_seconds())

    def _end(self, run: Run, after: Task, *, unless_canceled: bool = False) -> None:
        """A terminal outcome (T3, T6, T7); a death is reported at once, the sweep is the net."""
        stored = self._finish(run, after, unless_canceled=unless_canceled)
        if stored is not None and stored.dead_letter_unsent:
            self._obituary.publish(stored)

    def _finish(self, run: Run, after: Task, *, unless_canceled: bool) -> Task | None:
        """Store the outcome under the lease; a cancel that came in between wins over anything but success."""
        stored = self._tasks.finish(run.task, after, unless_cancel_requested=unless_canceled)
        if isinstance(stored, Refused) and _cancel_is_mine(stored.current, run.task):
            error = after.attempts[-1].error  # of this run; a snoozed task may have one of a run before
            after = run.last_word().stop(self._clock(), self._timing.keep, error)
            stored = self._tasks.finish(run.task, after, unless_cancel_requested=False)
        if isinstance(stored, Refused):
            run.log.warning("Lease lost, outcome dropped", action="lease_lost", lease=run.task.lease)
            return None
        self._notes.ended(run, stored)
        return stored


def _canceled(reason: str) -> TaskError | None:
    return TaskError.of(ErrorKind.EXCEPTION, reason, "Cancel") if reason else None


def _cancel_is_mine(current: Task | None, mine: Task) -> bool:
    return (
        current is not None
        and current.status is TaskStatus.RUNNING
        and current.lease == mine.lease
        and current.cancel_requested
    )
