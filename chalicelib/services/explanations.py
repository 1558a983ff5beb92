"""Explains why a task is not running yet."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from chalicelib.domain.explanation import explain

if TYPE_CHECKING:
    from chalicelib.aws.queues import TaskQueue
    from chalicelib.domain.task_types import TaskTypes
    from chalicelib.services.pauses import PauseCache
    from chalicelib.services.tasks import TaskService


class Explanations:
    """Explains the state of tasks."""

    def __init__(
        self,
        *,
        tasks: TaskService,
        queue: TaskQueue,
        task_types: TaskTypes,
        pauses: PauseCache,
        clock: Callable[[], datetime],
    ) -> None:
        self._tasks = tasks
        self._queue = queue
        self._task_types = task_types
        self._pauses = pauses
        self._clock = clock

    def of(self, owner: str, task_id: str) -> dict[str, Any]:
        """The public JSON: why the task is where it is, and what happens next. Raises: NotFound."""
        task = self._tasks.get(owner, task_id, documents=False)
        pause = self._pauses.now().get(task.type) if task.waiting else None
        explanation = explain(task, self._clock(), pause)
        ahead = None
        if explanation.in_queue:
            ahead = self._queue.depth(self._task_types.lane_of(task.type))["ready"]
        return explanation.view(task, ahead)
