"""Sends failed tasks and unrecognized messages to the dead letter queue."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from chalicelib.domain.dead_letters import DeadLetter

if TYPE_CHECKING:
    from chalicelib.aws.dynamodb.task_table import TaskTable
    from chalicelib.aws.queues import DeadLetterQueue
    from chalicelib.domain.messages import QueueMessage
    from chalicelib.domain.task import Conflict, Task


class DeadLetterPublisher:
    """Sends to the dead letter queue, for the worker, the sweep and requests that retry or delete a task."""

    def __init__(self, tasks: TaskTable, queue: DeadLetterQueue, clock: Callable[[], datetime]) -> None:
        self._tasks = tasks
        self._queue = queue
        self._clock = clock

    def publish(self, task: Task) -> Task | Conflict:
        """Send the dead letter of a failed task, then confirm it on the row, which is no longer due.

        After a crash in between it is sent again under the same key.
        """
        self._queue.send(DeadLetter.of(task))  # guard: dead-letter.before-confirmation
        # guard: dead-letter.before-confirmation
        return self._tasks.confirm_dead_letter(task, task.dead_lettered(self._clock()))

    def quarantine(self, message: QueueMessage) -> None:
        """Send a message that is not the service's, with its message id."""
        self._queue.quarantine(message.body, message.message_id)
