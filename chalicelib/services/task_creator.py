"""Creates the tasks of an owner."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from chalicelib.domain.errors import IdempotencyMismatch, Invalid, TransitionNotAllowed
from chalicelib.domain.ids import due_bucket_of, new_task_id
from chalicelib.domain.new_task import NewTask
from chalicelib.domain.task import Task
from chalicelib.domain.timing import SEND_AHEAD, Timing
from chalicelib.observability import Metrics, log
from chalicelib.services.task_sender import TaskSender

if TYPE_CHECKING:
    from chalicelib.aws.dynamodb.idempotency_keys import IdempotencyKeys, KeyUse
    from chalicelib.aws.dynamodb.task_table import TaskTable
    from chalicelib.domain.task_types import TaskTypes
    from chalicelib.services.runtime import Runtime


class TaskCreator:
    """Stores new tasks, then sends their messages."""

    def __init__(
        self,
        *,
        tasks: TaskTable,
        keys: IdempotencyKeys,
        sender: TaskSender,
        task_types: TaskTypes,
        timing: Timing,
        metrics: Metrics,
        runtime: Runtime,
        task_buckets: int,
        due_buckets: int,
    ) -> None:
        self._tasks = tasks
        self._keys = keys
        self._sender = sender
        self._task_types = task_types
        self._timing = timing
        self._metrics = metrics
        self._clock = runtime.clock
        self._random_bits = runtime.random_bits
        self._task_buckets = task_buckets
        self._due_buckets = due_buckets

    def create(
        self, owner: str, new_task: NewTask, *, by: str | None = None, correlation_id: str | None = None
    ) -> Task:
        """The stored task; `by` is the caller's subject, for audits. Raises: Invalid."""
        task = self._task(owner, new_task, by, correlation_id)
        self._tasks.create(task)
        self._announce([task])
        return task

    def create_once(
        self,
        owner: str,
        new_task: NewTask,
        key: str,
        *,
        by: str | None = None,
        correlation_id: str | None = None,
    ) -> tuple[Task, bool]:
        """The task of an idempotency key, and True if an earlier request created it.

        Raises: Invalid; IdempotencyMismatch if the key was used with another body; TransitionNotAllowed if
        its task was deleted; Unavailable.
        """
        fingerprint = new_task.fingerprint()
        try:
            task = self._task(owner, new_task, by, correlation_id)
        except Invalid:
            used = self._keys.find(owner, key, self._clock())
            # The first request was valid; when it is repeated, its expires_at may have passed.
            if used is None or used.fingerprint != fingerprint:
                raise
        else:
            used = self._keys.create(task, key, fingerprint, self._clock())
            if used is None:
                self._announce([task])
                return task, False
        return self._replay(owner, used, fingerprint), True

    def create_many(
        self,
        owner: str,
        new_tasks: Sequence[NewTask | Exception],
        *,
        by: str | None = None,
        correlation_id: str | None = None,
    ) -> list[Task | Exception]:
        """For each new task, in order, the stored task or its error. Errors in `new_tasks` are returned."""
        prepared = [self._task_or_error(owner, each, by, correlation_id) for each in new_tasks]
        tasks = [task for task in prepared if isinstance(task, Task)]
        errors = dict(zip((task.id for task in tasks), self._tasks.create_many(tasks), strict=True))
        self._announce([task for task in tasks if errors[task.id] is None])
        return [(errors[each.id] or each) if isinstance(each, Task) else each for each in prepared]

    def _task_or_error(
        self, owner: str, new_task: NewTask | Exception, by: str | None, correlation_id: str | None
    ) -> Task | Exception:
        if isinstance(new_task, Exception):
            return new_task
        try:
            return self._task(owner, new_task, by, correlation_id)
        except Invalid as error:
            return error

    def _task(self, owner: str, new_task: NewTask, by: str | None, correlation_id: str | None) -> Task:
        now = self._clock()
        task_id = new_task_id(now, self._random_bits(74), self._task_buckets)
        return new_task.task(
            id=task_id,
            owner=owner,
            task_types=self._task_types,
            now=now,
            timing=self._timing,
            due_bucket=due_bucket_of(task_id, self._due_buckets),
            created_by=by,
            correlation_id=correlation_id,
        )

    def _announce(self, tasks: Sequence[Task]) -> None:
        """Log stored tasks and send their messages; the sweep sends those of later starts."""
        for task in tasks:
            self._metrics.add("TasksCreated", 1, TaskType=task.type)
            log.about(task).info("Task created", action="task_created")
        waits = [(task, task.run_at - task.created_at) for task in tasks]
        self._sender.try_send([(task, wait.total_seconds()) for task, wait in waits if wait <= SEND_AHEAD])

    def _replay(self, owner: str, used: KeyUse, fingerprint: str) -> Task:
        if used.fingerprint != fingerprint:
            raise IdempotencyMismatch("This Idempotency-Key was used with another body: use a new key.")
        task = self._tasks.get(owner, used.task_id, documents=True)
        if task is None:
            raise TransitionNotAllowed("The task of this Idempotency-Key was deleted: use a new key.")
        return task
