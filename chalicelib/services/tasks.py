"""Reads and changes the tasks of an owner."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from chalicelib.domain.errors import NotFound, TransitionNotAllowed, Unavailable
from chalicelib.domain.ids import is_task_id
from chalicelib.domain.task import Conflict, Task, TaskStatus
from chalicelib.domain.timing import Timing
from chalicelib.observability import Metrics, log
from chalicelib.services.dead_letter_publisher import DeadLetterPublisher
from chalicelib.services.reading import read_page
from chalicelib.services.task_sender import TaskSender

if TYPE_CHECKING:
    from chalicelib.aws.dynamodb.task_list import Page, TaskList
    from chalicelib.aws.dynamodb.task_table import TaskTable

#: A change is decided this often when other writers change the task in between.
_TRIES = 5


class TaskService:
    """Reads, cancels, retries and deletes the tasks of an owner."""

    def __init__(
        self,
        *,
        tasks: TaskTable,
        listing: TaskList,
        sender: TaskSender,
        dead_letter_publisher: DeadLetterPublisher,
        timing: Timing,
        metrics: Metrics,
        clock: Callable[[], datetime],
    ) -> None:
        self._tasks = tasks
        self._listing = listing
        self._sender = sender
        self._dead_letter_publisher = dead_letter_publisher
        self._timing = timing
        self._metrics = metrics
        self._clock = clock

    # --- Read -----------------------------------------------------------------------------------

    def get(self, owner: str, task_id: str, *, documents: bool = True) -> Task:
        """The task with its payload and result, or without these `documents`. Raises: NotFound."""
        task = self._tasks.get(owner, task_id, documents=documents) if is_task_id(task_id) else None
        if task is None:
            raise NotFound(f"There is no task {task_id[:100]!r}.")
        return task

    def newest(self, owner: str, *, before: str | None, limit: int, filters: Mapping[str, str]) -> Page:
        """A page of the owner's tasks, newest first."""
        return read_page(self._listing.newest(owner, before=before, limit=limit, filters=filters))

    # --- Change ---------------------------------------------------------------------------------

    def cancel(self, owner: str, task_id: str, *, by: str | None = None) -> Task:
        """Cancel a waiting task, or request that a running one stops. `by` is the caller's subject.

        Raises: NotFound; TransitionNotAllowed for a finished task; Unavailable.
        """

        def change(task: Task) -> Task:
            return task.cancel(self._clock(), self._timing.keep, by)

        def is_done(task: Task) -> bool:
            return task.cancel_requested or task.status is TaskStatus.CANCELED

        task, changed = self._change(self._row(owner, task_id), change, is_done)
        if changed:
            log.about(task).info("Task canceled", action="task_cancel", status=task.status.value)
        return task

    def retry(
        self, owner: str, task_id: str, *, by: str | None = None, redrive_count: int | None = None
    ) -> Task:
        """Queue a failed, canceled or expired task again. `by` is the caller's subject.

        With a `redrive_count`, only a task that has been retried this often so far.
        Raises: NotFound; TransitionNotAllowed; Unavailable.
        """
        seen = self._with_dead_letter_sent(self._row(owner, task_id))
        next_count = (seen.redrive_count if redrive_count is None else redrive_count) + 1

        def change(task: Task) -> Task:
            if redrive_count is not None and task.redrive_count != redrive_count:
                raise TransitionNotAllowed("The task was retried in between.")
            return task.redrive(self._clock(), self._timing.grace, by)

        def is_done(task: Task) -> bool:
            return task.redrive_count == next_count

        task, changed = self._change(seen, change, is_done)
        if changed:
            self._metrics.add("TasksRedriven", 1, TaskType=task.type)
            log.about(task).info("Task redriven", action="task_redriven", redrive_count=task.redrive_count)
            self._sender.try_send([(task, 0)])
        return task

    def delete(self, owner: str, task_id: str) -> None:
        """Delete a finished task. Raises: NotFound; TransitionNotAllowed for a live one; Unavailable."""
        for _ in range(_TRIES):
            task = self._with_dead_letter_sent(self._row(owner, task_id))
            if not task.terminal:
                raise TransitionNotAllowed(f"The task is {task.status}: only a finished task can be deleted.")
            if self._tasks.delete(task):
                log.about(task).info("Task deleted", action="task_deleted")
                return
        raise Unavailable("Other writers keep changing the task: send the request again.")

    def _row(self, owner: str, task_id: str) -> Task:
        return self.get(owner, task_id, documents=False)

    def _change(
        self, seen: Task, change: Callable[[Task], Task], is_done: Callable[[Task], bool]
    ) -> tuple[Task, bool]:
        """Store `change(seen)`. If another writer came first, read the task and decide again.

        Returns the task, and True if this call changed it: two callers may want the same at the same time.
        """
        for _ in range(_TRIES):
            after = change(seen)
            if after is seen:
                return self._with_documents(seen), False
            stored = self._tasks.replace_seen(seen, after)
            if not isinstance(stored, Conflict):
                return self._with_documents(stored), True
            seen = self._with_dead_letter_sent(self._row(seen.owner, seen.id))
            if is_done(seen):
                return self._with_documents(seen), False
        raise Unavailable("Other writers keep changing the task: send the request again.")

    def _with_dead_letter_sent(self, task: Task) -> Task:
        """The task after its dead letter was sent: a retry or delete must not hide a failure."""
        if not task.dead_letter_unsent:  # guard: redrive.dead-letter-first
            return task
        self._dead_letter_publisher.publish(task)
        return self._row(task.owner, task.id)

    def _with_documents(self, task: Task) -> Task:
        return self._tasks.load([task])[0]
