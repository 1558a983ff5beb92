"""Receives dead letters: publishes one alert for the new ones, records them and deletes their messages.

The alert is published *before* the records are stored, and messages are deleted *last*. After a crash between
two steps, a step is repeated under the same key, and nothing is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from chalicelib.domain.dead_letters import DeadLetter, DeadLetterRecord, DeadMessage
from chalicelib.domain.messages import TaskMessage, UnrecognizedMessage
from chalicelib.domain.task import Conflict, ErrorKind, TaskError
from chalicelib.domain.timing import Timing
from chalicelib.observability import Metrics, log
from chalicelib.services.maintenance.alert_text import alert_text

if TYPE_CHECKING:
    from chalicelib.aws.dynamodb.dead_letter_records import DeadLetterRecords
    from chalicelib.aws.dynamodb.task_table import TaskTable
    from chalicelib.aws.queues import DeadLetterQueue
    from chalicelib.aws.sns import Alerts

#: One alert names about this many dead letters; more of them need several alerts.
ALERT_LIMIT = 100


@dataclass(slots=True)
class _Batch:
    """The messages received since the last alert."""

    new: dict[str, DeadLetterRecord] = field(default_factory=dict)
    handled: list[DeadMessage] = field(default_factory=list)


class DeadLetterMonitor:
    """Empties the dead letter queue. It never sends a message, so no loop can form."""

    def __init__(
        self,
        *,
        tasks: TaskTable,
        queue: DeadLetterQueue,
        records: DeadLetterRecords,
        alerts: Alerts,
        metrics: Metrics,
        clock: Callable[[], datetime],
        timing: Timing,
        stage: str,
    ) -> None:
        self._tasks = tasks
        self._queue = queue
        self._records = records
        self._alerts = alerts
        self._metrics = metrics
        self._clock = clock
        self._timing = timing
        self._stage = stage

    def watch(self, ends_at: datetime) -> int:
        """Alert, record and delete until the queue is empty. Returns the number of new dead letters."""
        oldest = 0.0
        new = 0
        batch = _Batch()
        for messages in self._queue.receive():
            now = self._clock()
            oldest = max(oldest, *((now - message.sent_at).total_seconds() for message in messages))
            for message in messages:
                self._handle(message, batch)
            if len(batch.new) >= ALERT_LIMIT:
                new += self._flush(batch)
                batch = _Batch()
            if self._clock() >= ends_at - self._timing.reserve:
                break
        new += self._flush(batch)
        self._metrics.add("DeadLetterAge", oldest, "Seconds")
        self._metrics.add("DeadLetterDepth", sum(self._queue.depth().values()))
        return new

    def _handle(self, message: DeadMessage, batch: _Batch) -> None:
        """Handle one message. After an error it stays in the queue, and the others continue."""
        try:
            self._classify(message, batch)
        except Exception:
            self._metrics.add("DeadLetterErrors")
            log.exception("Dead letter failed", action="dead_letter_failed", message_id=message.message_id)
        else:
            batch.handled.append(message)

    def _classify(self, message: DeadMessage, batch: _Batch) -> None:
        """Collect a new dead letter or quarantined message; fail the task of a bounced message as poison."""
        letter = DeadLetter.parse(message.body) if message.original_message_id is None else None
        if letter is not None:
            record = DeadLetterRecord.of(letter, self._clock())
        else:
            bounced = self._bounced(message)
            if bounced is not None:
                self._fail_poisoned_task(bounced)
                return
            record = DeadLetterRecord.quarantined(message, self._clock())
        if record.key not in batch.new and not self._records.has(record):  # guard: monitor.not-on-record
            batch.new[record.key] = record

    @staticmethod
    def _bounced(message: DeadMessage) -> TaskMessage | None:
        """The task message that SQS moved here after too many deliveries, if `message` is one."""
        if message.original_message_id is not None:
            return None
        try:
            return TaskMessage.parse(message.body)
        except UnrecognizedMessage:
            return None

    def _fail_poisoned_task(self, bounced: TaskMessage) -> None:
        """Fail a task that no worker could claim, unless it was claimed or retried since."""
        task = self._tasks.get(bounced.owner, bounced.task_id)
        if task is None or not task.waiting or task.lease != bounced.lease:
            log.info(
                "Bounced message dropped",
                action="message_dropped",
                task_id=bounced.task_id,
                correlation_id=bounced.correlation_id,
            )
            return
        error = TaskError.of(
            ErrorKind.POISON,
            "The queue gave this task up: its message was delivered too often and never claimed.",
        )
        now = self._clock()
        stored = self._tasks.fail_as_poison(
            task, task.fail_as_poison(now, error, self._timing.keep), bounced.lease
        )
        if not isinstance(stored, Conflict):
            self._metrics.add("TasksFailed", 1, TaskType=task.type)
            log.about(task).warning("Task failed as poison", action="task_poisoned")

    def _flush(self, batch: _Batch) -> int:
        """Alert, then record, then delete: in this order a crash loses nothing."""
        records = list(batch.new.values())
        if records:
            # guard: monitor.alert-before-record, monitor.delete-last
            self._alerts.publish(self._subject(records), alert_text(self._stage, records))
            log.info("Alert published", action="alert_published", count=len(records))
        for record in records:
            self._records.put(record)
            self._metrics.add("DeadLetters", 1, ErrorKind=record.kind)
            log.warning(
                "Dead letter recorded",
                action="dead_letter_recorded",
                key=record.key,
                kind=record.kind,
                correlation_id=record.correlation_id,
            )
        if batch.handled and (undeleted := self._queue.delete(batch.handled)):
            log.warning("Dead letters not deleted", action="dead_letters_undeleted", count=undeleted)
        return len(records)

    def _subject(self, records: Sequence[DeadLetterRecord]) -> str:
        count = len(records)
        return f"[task-service {self._stage}] {count} new dead letter{'s' if count > 1 else ''}"
