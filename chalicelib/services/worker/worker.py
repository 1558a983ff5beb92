"""Runs tasks: claim, run the task type, record the outcome.

    message ─> claim ─refused──────────────────────> ack: the row has its due_at; of a paused type: parked
                 └─> run ─result──────────────────> succeeded, ack
                       ├─Snooze, error────────────> scheduled, retrying; the message is kept for a short wait
                       ├─last attempt, NonRetryable> failed, dead letter, ack
                       └─Cancel, cancel requested──> canceled, ack

One request claims the tasks of all messages of a delivery, and one records all runs that end together. Each
claim and each outcome still has its own condition, and no run waits for a slower one to end.

The row is written before the message changes. After a crash in between, the row decides.
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
    from chalicelib.aws.queues import TaskQueue
    from chalicelib.domain.task_types import TaskTypes
    from chalicelib.services.pauses import PauseCache
    from chalicelib.services.runtime import Runtime

T = TypeVar("T")
R = TypeVar("R")

#: With less time than this left of an invocation, no task is started.
_MIN_RUN_TIME = timedelta(seconds=1)
#: SQS delivers a kept message this long after its row allows the start.
_REDELIVERY_MARGIN_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class _Delivery:
    """A received message and its parsed body."""

    message: QueueMessage
    task_message: TaskMessage


@dataclass(slots=True)
class _Batch:
    """One delivery of messages, from one lane, in one invocation."""

    lane: str
    ends_at: datetime
    acknowledged: set[str] = field(default_factory=set)  #: ids of messages; SQS keeps all others


@dataclass(frozen=True, slots=True)
class _Started:
    """A delivery whose task is running."""

    delivery: _Delivery
    run: Run
    job: Job


class Worker:
    """Runs the tasks of received messages."""

    def __init__(
        self,
        *,
        tasks: TaskTable,
        queue: TaskQueue,
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
        """Run the tasks of `messages` side by side, until `ends_at`. Returns the ids that SQS must keep.

        A run that does not stop at its deadline is recorded as timed out. Its thread must not continue in the
        next invocation, so the process ends once all outcomes are recorded, or earlier if recording takes
        until shortly before the end of the run's lease.
        """
        batch = _Batch(lane=lane, ends_at=ends_at)
        started = self._start([each for each in (self._parse(m, batch) for m in messages) if each], batch)
        end = partial(self._end, started)
        try:
            for ended in self._runtime.threads.run(
                [each.job for each in started],
                grace_seconds=self._timing.lease_margin.total_seconds() / 2,
                end=end,  # recording others may take until another attempt could start
            ):
                self._record([started[index] for index in ended], batch)
        finally:
            if any(each.run.unfinished for each in started):
                end()
        return [message.message_id for message in messages if message.message_id not in batch.acknowledged]

    def _end(self, started: Sequence[_Started]) -> None:
        for run in (each.run for each in started if each.run.unfinished):
            run.log.error("Process ended during the run", action="process_ended")
        self._metrics.flush()
        self._runtime.exit_process()  # guard: run.ends-process

    # --- Messages -------------------------------------------------------------------------------

    def _parse(self, message: QueueMessage, batch: _Batch) -> _Delivery | None:
        """The delivery of a message; an unrecognized message is quarantined."""
        try:
            return _Delivery(message, TaskMessage.parse(message.body))
        except UnrecognizedMessage as reason:
            self._guard(message, partial(self._quarantine, message, str(reason), batch))
        return None

    def _quarantine(self, message: QueueMessage, reason: str, batch: _Batch) -> None:
        self._dead_letter_publisher.quarantine(message)  # guard: quarantine.before-ack
        log.warning(
            "Message quarantined",
            action="message_quarantined",
            message_id=message.message_id,
            reason=reason,
        )
        batch.acknowledged.add(message.message_id)

    def _redeliver(self, message: QueueMessage, batch: _Batch, wait: timedelta) -> None:
        """Have SQS deliver the message again after `wait`."""
        seconds = wait.total_seconds() + _REDELIVERY_MARGIN_SECONDS
        self._queue.show_again_in(batch.lane, message.receipt_handle, seconds)

    def _guard(self, message: QueueMessage, act: Callable[[], T]) -> T | None:
        """Call `act` for a message. After an error SQS keeps the message, and the others continue."""
        try:
            return act()
        except Exception:
            log.exception("Message failed", action="message_failed", message_id=message.message_id)
            return None

    def _guard_delivery(self, delivery: _Delivery, act: Callable[[], T]) -> T | None:
        """Do the same for a parsed message, with its task's ids on every log line."""
        task_message = delivery.task_message
        with log_context(task_id=task_message.task_id, correlation_id=task_message.correlation_id):
            return self._guard(delivery.message, act)

    def _side_by_side(self, act: Callable[[T], R], items: Sequence[T]) -> list[R]:
        if len(items) <= 1:
            return [act(item) for item in items]
        return list(self._runtime.aws_threads.map(with_log_context(act), items))

    # --- Claiming -------------------------------------------------------------------------------

    def _start(self, deliveries: Sequence[_Delivery], batch: _Batch) -> list[_Started]:
        """Claim the tasks and prepare their runs, if enough of the invocation is left."""
        if batch.ends_at - self._timing.reserve - self._clock() < _MIN_RUN_TIME:
            for delivery in deliveries:
                self._guard_delivery(
                    delivery, partial(self._redeliver, delivery.message, batch, timedelta(0))
                )
            return []
        claimed = list(zip(deliveries, self._claim(deliveries), strict=True))
        refused = [each for each in claimed if not isinstance(each[1], Task)]
        retried = self._side_by_side(
            lambda each: self._guard_delivery(each[0], partial(self._on_refused_claim, *each, batch)), refused
        )
        tasks = [(each, task) for each, task in claimed if isinstance(task, Task)]
        tasks += [(each, task) for (each, _), task in zip(refused, retried, strict=True) if task]
        # guard: claim.any-message-lease
        steps = [(each, partial(self._prepare, each, task, batch)) for each, task in tasks]
        started = [self._guard_delivery(*step) for step in steps]
        return [each for each in started if each is not None]

    def _claim_id(self) -> str:
        return f"{self._runtime.random_bits(32):08x}"

    def _claim(self, deliveries: Sequence[_Delivery]) -> list[Task | Conflict | Exception]:
        messages = [delivery.task_message for delivery in deliveries]
        return self._tasks.claim_many(
            # guard: claim.own-id
            [(message.owner, message.task_id, self._claim_id()) for message in messages],
            now=self._clock(),
            margin=self._timing.lease_margin,
            paused=self._pauses.paused(),
        )

    def _on_refused_claim(
        self, delivery: _Delivery, claimed: Task | Conflict | Exception, batch: _Batch
    ) -> Task | None:
        """Park a task of a paused type; claim it again, and return it, if its pause just ended."""
        for last in (False, True):
            if isinstance(claimed, Exception):
                raise claimed
            if isinstance(claimed, Task):
                return claimed
            current = claimed.current
            if current is None or not current.waiting:
                break
            if self._pauses.confirmed(current.type):  # guard: pause.confirmed-before-parking
                self._tasks.replace_due(current, parked(current, self._clock()))
                break
            if not last:
                (claimed,) = self._claim([delivery])
        log.info("Claim refused", action="claim_refused")
        batch.acknowledged.add(delivery.message.message_id)
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
        context = copy_context()  # so that the logs of its thread have the ids of this context
        work = partial(context.run, run.call, self._task_types.find(task.type))
        return _Started(delivery, run, Job(work, f"task-{task.id}", run.time_left))

    # --- Recording ------------------------------------------------------------------------------

    def _record(self, ended: Sequence[_Started], batch: _Batch) -> None:
        """Record the outcomes of runs in one request, then take the remaining steps of each."""
        recorded = self._recorder.record([each.run for each in ended])  # guard: dead-letter.after-row
        pairs = list(zip(ended, recorded, strict=True))

        def conclude(pair: tuple[_Started, Recorded | Exception]) -> None:
            self._guard_delivery(pair[0].delivery, partial(self._conclude, pair[0].delivery, pair[1], batch))

        for pair in pairs:
            if not _needs_request(pair[1]):
                conclude(pair)
        self._side_by_side(conclude, [pair for pair in pairs if _needs_request(pair[1])])

    def _conclude(self, delivery: _Delivery, recorded: Recorded | Exception, batch: _Batch) -> None:
        """Send the dead letter, if there is one, then acknowledge the message or keep it for a short wait.

        If sending fails, the sweep sends the dead letter.
        """
        if isinstance(recorded, Exception):
            raise recorded
        if recorded.failed_task is not None:
            self._dead_letter_publisher.publish(recorded.failed_task)
        if recorded.redeliver_after is None:
            batch.acknowledged.add(delivery.message.message_id)
        else:
            self._redeliver(delivery.message, batch, recorded.redeliver_after)


def _needs_request(recorded: Recorded | Exception) -> bool:
    """Do the remaining steps send a request?"""
    return isinstance(recorded, Recorded) and recorded != Recorded()
