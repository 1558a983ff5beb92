"""Running tasks: claim, run the task type, record the outcome.

    message ─> claim ─refused──────────────────────> ack: the row has its due_at; of a paused type: parked
                 └─> run ─result──────────────────> succeeded, ack
                       ├─Snooze, error────────────> scheduled, retrying; the message is kept for a short wait
                       ├─last attempt, NonRetryable> failed, dead letter, ack
                       └─Cancel, cancel requested──> canceled, ack

The messages of a delivery are claimed in one request, and runs that end together are recorded in one. Each
claim and each outcome stands for itself all the same, and no run waits for a slower one to end.

The row is written before the message is touched: whatever dies in between, the row decides.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import copy_context
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from chalicelib.domain.messages import QueueMessage, TaskMessage, UnrecognizedMessage
from chalicelib.domain.pauses import parked
from chalicelib.domain.task import Conflict, Task
from chalicelib.domain.timing import Timing
from chalicelib.observability import Metrics, log, log_context, with_log_context
from chalicelib.services.dead_letter_publisher import DeadLetterPublisher
from chalicelib.services.threads import Job
from chalicelib.services.worker.recorder import Recorded, Recorder
from chalicelib.services.worker.run import Run
from chalicelib.services.worker.telemetry import RunTelemetry

if TYPE_CHECKING:
    from chalicelib.aws.dynamodb.task_table import TaskTable
    from chalicelib.aws.queues import DeadLetterQueue, TaskQueue
    from chalicelib.domain.task_types import TaskTypes
    from chalicelib.services.pauses import PauseCache
    from chalicelib.services.runtime import Runtime

T = TypeVar("T")
R = TypeVar("R")

#: Less than this left of an invocation starts nothing.
_LEAST = timedelta(seconds=1)
#: A kept message comes back this much after its row allows the start.
_SLACK_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class _Delivery:
    """A message of ours on its way through an invocation."""

    message: QueueMessage
    task_message: TaskMessage


@dataclass(slots=True)
class _Batch:
    """One delivery of messages, from one lane, in one invocation."""

    lane: str
    ends_at: datetime
    done: set[str] = field(default_factory=set)  #: ids of messages; whatever goes wrong keeps the others


@dataclass(frozen=True, slots=True)
class _Started:
    """A delivery whose task runs."""

    delivery: _Delivery
    run: Run
    job: Job


class Worker:
    """Runs what the queues deliver."""

    def __init__(
        self,
        *,
        tasks: TaskTable,
        queue: TaskQueue,
        dead_letter_queue: DeadLetterQueue,
        dead_letter_publisher: DeadLetterPublisher,
        task_types: TaskTypes,
        pauses: PauseCache,
        secret: Callable[[str, str, str], str],
        timing: Timing,
        metrics: Metrics,
        runtime: Runtime,
    ) -> None:
        self._tasks = tasks
        self._queue = queue
        self._dead_letter_queue = dead_letter_queue
        self._dead_letter_publisher = dead_letter_publisher
        self._task_types = task_types
        self._pauses = pauses
        self._secret = secret
        self._timing = timing
        self._metrics = metrics
        self._telemetry = RunTelemetry(metrics, runtime.clock)
        self._recorder = Recorder(tasks=tasks, timing=timing, telemetry=self._telemetry, runtime=runtime)
        self._runtime = runtime
        self._clock = runtime.clock

    def run_batch(self, messages: Sequence[QueueMessage], lane: str, ends_at: datetime) -> list[str]:
        """Run what `messages` wake, side by side, until `ends_at`; the ids of those to be kept.

        A run that does not stop at its deadline is recorded as timed out, and once all outcomes are recorded
        the process ends itself: the run's thread must not go on into the next invocation. It does so sooner
        when recording takes until the run's lease is about to end.
        """
        batch = _Batch(lane=lane, ends_at=ends_at)
        started = self._start([each for each in (self._read(m, batch) for m in messages) if each], batch)
        end = partial(self._end, started)
        try:
            for ended in self._runtime.threads.beside(
                [each.job for each in started],
                grace_seconds=self._timing.lease_margin.total_seconds() / 2,
                end=end,  # AWS may take longer to record others than until another attempt starts
            ):
                self._record([started[index] for index in ended], batch)
        finally:
            if any(each.run.unfinished for each in started):
                end()
        return [message.message_id for message in messages if message.message_id not in batch.done]

    def _end(self, started: Sequence[_Started]) -> None:
        for run in (each.run for each in started if each.run.unfinished):
            run.log.error("Process ended, and this run with it", action="process_ended")
        self._metrics.flush()
        self._runtime.exit_process()  # guard: run.ends-process

    # --- Messages -------------------------------------------------------------------------------

    def _read(self, message: QueueMessage, batch: _Batch) -> _Delivery | None:
        """What a message says; one that is not ours goes to the dead letters, under its own id."""
        try:
            return _Delivery(message, TaskMessage.parse(message.body))
        except UnrecognizedMessage as reason:
            self._settle(message, partial(self._quarantine, message, str(reason), batch))
        return None

    def _quarantine(self, message: QueueMessage, reason: str, batch: _Batch) -> None:
        self._dead_letter_queue.quarantine(message.body, message.message_id)  # guard: quarantine.before-ack
        log.warning(
            "Message quarantined",
            action="message_quarantined",
            message_id=message.message_id,
            reason=reason,
        )
        batch.done.add(message.message_id)

    def _show_again(self, message: QueueMessage, batch: _Batch, wait: timedelta) -> None:
        seconds = wait.total_seconds() + _SLACK_SECONDS
        self._queue.show_again_in(batch.lane, message.receipt_handle, seconds)

    def _settle(self, message: QueueMessage, act: Callable[[], T]) -> T | None:
        """Do what a message asks for. One that goes wrong is kept, and must not stop the others."""
        try:
            return act()
        except Exception:
            log.exception("Message failed", action="message_failed", message_id=message.message_id)
            return None

    def _step(self, delivery: _Delivery, act: Callable[[], T]) -> T | None:
        """The same for a message of ours, with its task's ids on every line."""
        task_message = delivery.task_message
        with log_context(task_id=task_message.task_id, correlation_id=task_message.correlation_id):
            return self._settle(delivery.message, act)

    def _side_by_side(self, act: Callable[[T], R], what: Sequence[T]) -> list[R]:
        return list(
            map(act, what) if len(what) <= 1 else self._runtime.aws_threads.map(with_log_context(act), what)
        )

    # --- Claiming (T1) --------------------------------------------------------------------------

    def _start(self, deliveries: Sequence[_Delivery], batch: _Batch) -> list[_Started]:
        """Claim the tasks and prepare their runs, unless too little of the invocation is left for that."""
        if batch.ends_at - self._timing.reserve - self._clock() < _LEAST:
            for delivery in deliveries:
                self._step(delivery, partial(self._show_again, delivery.message, batch, timedelta(0)))
            return []
        claimed = list(zip(deliveries, self._claim(deliveries), strict=True))
        turned_away = [each for each in claimed if not isinstance(each[1], Task)]
        found = self._side_by_side(
            lambda each: self._step(each[0], partial(self._on_refused_claim, *each, batch)), turned_away
        )
        tasks = [(each, task) for each, task in claimed if isinstance(task, Task)]
        tasks += [(each, task) for (each, _), task in zip(turned_away, found, strict=True) if task]
        # guard: claim.any-message-lease
        started = [self._step(each, partial(self._prepare, each, task, batch)) for each, task in tasks]
        return [each for each in started if each is not None]

    def _claim_id(self) -> str:
        return f"{self._runtime.random_bits(32):08x}"

    def _claim(self, deliveries: Sequence[_Delivery]) -> list[Task | Conflict | Exception]:
        wake_ups = [delivery.task_message for delivery in deliveries]
        return self._tasks.claim_many(
            # guard: claim.own-id
            [(task_message.owner, task_message.task_id, self._claim_id()) for task_message in wake_ups],
            now=self._clock(),
            margin=self._timing.lease_margin,
            paused=self._pauses.paused(),
        )

    def _on_refused_claim(
        self, delivery: _Delivery, claimed: Task | Conflict | Exception, batch: _Batch
    ) -> Task | None:
        """A claim that was refused: one of a paused type is parked, unless its pause just ended."""
        for last in (False, True):
            if isinstance(claimed, Exception):
                raise claimed
            if isinstance(claimed, Task):
                return claimed
            held = claimed.current
            if held is None or not held.waiting:
                break
            if self._pauses.confirmed(held.type):  # guard: pause.confirmed-before-parking
                self._tasks.replace_due(held, parked(held, self._clock()))
                break
            if not last:
                (claimed,) = self._claim([delivery])
        log.info("Claim refused", action="claim_refused")
        batch.done.add(delivery.message.message_id)
        return None

    # --- Running --------------------------------------------------------------------------------

    def _prepare(self, delivery: _Delivery, task: Task, batch: _Batch) -> _Started:
        run = Run(
            task,
            tasks=self._tasks,
            secret=self._secret,
            clock=self._clock,
            timing=self._timing,
            ends_at=batch.ends_at,
        )
        self._telemetry.started(run)
        context = copy_context()  # so that the lines of its thread carry the ids that are bound here
        work = partial(context.run, run.call, self._task_types.find(task.type))
        return _Started(delivery, run, Job(work, f"task-{task.id}", run.time_left))

    # --- Recording (T3 to T7) -------------------------------------------------------------------

    def _record(self, ended: Sequence[_Started], batch: _Batch) -> None:
        """Record what runs came to in one request; then do what follows for each."""
        recorded = self._recorder.record([each.run for each in ended])  # guard: dead-letter.after-row
        pairs = list(zip(ended, recorded, strict=True))

        def follow(pair: tuple[_Started, Recorded | Exception]) -> None:
            self._step(pair[0].delivery, partial(self._follow, pair[0].delivery, pair[1], batch))

        for pair in pairs:
            if not _calls_for_more(pair[1]):
                follow(pair)
        self._side_by_side(follow, [pair for pair in pairs if _calls_for_more(pair[1])])

    def _follow(self, delivery: _Delivery, recorded: Recorded | Exception, batch: _Batch) -> None:
        """A death is reported at once, the sweep is the net; a short wait keeps the message."""
        if isinstance(recorded, Exception):
            raise recorded
        if recorded.death is not None:
            self._dead_letter_publisher.publish(recorded.death)
        if recorded.wait is None:
            batch.done.add(delivery.message.message_id)
        else:
            self._show_again(delivery.message, batch, recorded.wait)


def _calls_for_more(recorded: Recorded | Exception) -> bool:
    """Does it take a request?"""
    return isinstance(recorded, Recorded) and (recorded.death is not None or recorded.wait is not None)
