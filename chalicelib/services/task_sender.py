"""Sends the messages that wake workers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from chalicelib.observability import log

if TYPE_CHECKING:
    from chalicelib.aws.queues import TaskQueue
    from chalicelib.domain.task import Task
    from chalicelib.domain.task_types import TaskTypes


class TaskSender:
    """Sends messages to the lanes of their tasks. The sweep repeats a message that could not be sent."""

    def __init__(self, queue: TaskQueue, task_types: TaskTypes) -> None:
        self._queue = queue
        self._task_types = task_types

    def send(self, delayed: Sequence[tuple[Task, float]]) -> None:
        """Send a message for each (task, delay in seconds). Messages that SQS refuses are logged."""
        failed = self._queue.send_many([(task, self._lane(task), delay) for task, delay in delayed])
        if failed:
            log.warning("Messages not sent", action="send_failed", count=failed)

    def try_send(self, delayed: Sequence[tuple[Task, float]]) -> None:
        """Do the same, and log any error: the tasks are stored, so the caller's request has succeeded."""
        try:
            if len(delayed) == 1:
                ((task, delay),) = delayed
                self._queue.send(task, self._lane(task), delay)
            elif delayed:
                self.send(delayed)
        except Exception:  # guard: create.send-may-fail
            log.exception("Messages not sent", action="send_failed", count=len(delayed))

    def _lane(self, task: Task) -> str:
        return self._task_types.lane_of(task.type)
