"""Sends the dead letters of failed tasks to their queue."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from chalicelib.domain.dead_letters import DeadLetter

if TYPE_CHECKING:
    from chalicelib.aws.dynamodb.task_table import TaskTable
    from chalicelib.aws.queues import DeadLetterQueue
    from chalicelib.domain.task import Conflict, Task


class DeadLetterPublisher:
    """Reports deaths to the dead letter queue (S6); used by the worker, the sweep and a redrive."""

    def __init__(self, tasks: TaskTable, queue: DeadLetterQueue, clock: Callable[[], datetime]) -> None:
        self._tasks = tasks
        self._queue = queue
        self._clock = clock

    def publish(self, task: Task) -> Task | Conflict:
        """Send the dead letter of a failed task, then note on the row that it is on its way."""
        self._queue.send(DeadLetter.of(task))  # guard: dead-letter.before-confirmation
        # guard: dead-letter.before-confirmation
        return self._tasks.confirm_dead_letter(task, task.dead_lettered(self._clock()))
