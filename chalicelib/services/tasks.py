"""What the owner of tasks can do with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from chalicelib.domain.errors import IdempotencyMismatch, Invalid, NotFound, TransitionNotAllowed, Unavailable
from chalicelib.domain.ids import due_bucket_of, is_task_id, new_task_id
from chalicelib.domain.new_task import NewTask
from chalicelib.domain.task import Conflict, Task, TaskStatus
from chalicelib.domain.timing import SEND_AHEAD, Timing
from chalicelib.observability import Metrics, log
from chalicelib.services.dead_letter_publisher import DeadLetterPublisher
from chalicelib.services.reading import read_page

if TYPE_CHECKING:
    from chalicelib.aws.dynamodb.idempotency_keys import IdempotencyKeys, KeyUse
    from chalicelib.aws.dynamodb.task_list import Page, TaskList
    from chalicelib.aws.dynamodb.task_table import TaskTable
    from chalicelib.aws.queues import TaskQueue
    from chalicelib.domain.task_types import TaskTypes
    from chalicelib.services.runtime import Runtime

#: Times that a decision is made anew because somebody else wrote in between.
_TRIES = 5


class TaskService:
    """Create, read, cancel, retry and delete the tasks of an owner."""

    def __init__(
        self,
        *,
        tasks: TaskTable,
        listing: TaskList,
        keys: IdempotencyKeys,
        queue: TaskQueue,
        dead_letter_publisher: DeadLetterPublisher,
        task_types: TaskTypes,
        timing: Timing,
        metrics: Metrics,
        runtime: Runtime,
        task_buckets: int,
        due_buckets: int,
    ) -> None:
        self._tasks = tasks
        self._listing = listing
        self._keys = keys
        self._queue = queue
        self._dead_letter_publisher = dead_letter_publisher
        self._task_types = task_types
        self._timing = timing
        self._metrics = metrics
        self._clock = runtime.clock
        self._random_bits = runtime.random_bits
        self._task_buckets = task_buckets
        self._due_buckets = due_buckets

    # --- Create ---------------------------------------------------------------------------------

    def create(
        self, owner: str, wanted: NewTask, *, by: str | None = None, correlation_id: str | None = None
    ) -> Task:
        """A new task, stored and on its way; `by` is who asked, for audits. Raises: Invalid."""
        task = self._new(owner, wanted, by, correlation_id)
        self._tasks.create(task)
        self._announce([task])
        return task

    def create_once(
        self,
        owner: str,
        wanted: NewTask,
        key: str,
        *,
        by: str | None = None,
        correlation_id: str | None = None,
    ) -> tuple[Task, bool]:
        """The task of an idempotency key, and whether it was there before.

        Raises: Invalid; IdempotencyMismatch when the key was used with another body; Unavailable.
        """
        fingerprint = wanted.fingerprint()
        try:
            task = self._new(owner, wanted, by, correlation_id)
        except Invalid:
            used = self._keys.find(owner, key, self._clock())
            # What was right when it came first may be past its expires_at when it is sent again.
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
        wanted: Sequence[NewTask | Exception],
        *,
        by: str | None = None,
        correlation_id: str | None = None,
    ) -> list[Task | Exception]:
        """For each wanted task, in order, the stored task or why there is none; errors pass through."""
        made = [self._made(owner, each, by, correlation_id) for each in wanted]
        new = [task for task in made if isinstance(task, Task)]
        errors = dict(zip((task.id for task in new), self._tasks.create_many(new), strict=True))
        self._announce([task for task in new if errors[task.id] is None])
        return [(errors[each.id] or each) if isinstance(each, Task) else each for each in made]

    def _made(
        self, owner: str, wanted: NewTask | Exception, by: str | None, correlation_id: str | None
    ) -> Task | Exception:
        if isinstance(wanted, Exception):
            return wanted
        try:
            return self._new(owner, wanted, by, correlation_id)
        except Invalid as error:
            return error

    def _new(self, owner: str, wanted: NewTask, by: str | None, correlation_id: str | None) -> Task:
        now = self._clock()
        task_id = new_task_id(now, self._random_bits(74), self._task_buckets)
        return wanted.task(
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
        """Wake workers for stored tasks. A message that cannot be sent is the sweep's: the task is safe."""
        for task in tasks:
            self._metrics.add("TasksCreated", 1, TaskType=task.type)
            log.about(task).info("Task created", action="task_created")
        waits = [(task, task.run_at - task.created_at) for task in tasks]
        wakes = [
            (task, self._task_types.lane_of(task.type), wait.total_seconds())
            for task, wait in waits
            if wait <= SEND_AHEAD
        ]
        self._send(wakes)

    def _send(self, wakes: Sequence[tuple[Task, str, float]]) -> None:
        if not wakes:
            return
        try:
            if len(wakes) == 1:
                self._queue.send(*wakes[0])
                return
            failed = self._queue.send_many(wakes)
        # guard: create.send-may-fail
        except Exception:  # the task is stored and due: the sweep sends what this could not
            log.exception("Messages not sent", action="send_failed", count=len(wakes))
            return
        if failed:
            log.warning("Messages not sent", action="send_failed", count=failed)

    def _replay(self, owner: str, used: KeyUse, fingerprint: str) -> Task:
        if used.fingerprint != fingerprint:
            raise IdempotencyMismatch("This Idempotency-Key was used with another body: use a new key.")
        task = self._tasks.get(owner, used.task_id, documents=True)
        if task is None:
            raise TransitionNotAllowed("The task of this Idempotency-Key was deleted: use a new key.")
        return task

    # --- Read -----------------------------------------------------------------------------------

    def get(self, owner: str, task_id: str, *, documents: bool = True) -> Task:
        """The task with its payload and result, or without these `documents`. Raises: NotFound."""
        return self._seen(owner, task_id, documents=documents)

    def newest(self, owner: str, *, before: str | None, limit: int, filters: Mapping[str, str]) -> Page:
        """A page of the owner's tasks, newest first."""
        return read_page(self._listing.newest(owner, before=before, limit=limit, filters=filters))

    def _seen(self, owner: str, task_id: str, *, documents: bool = False) -> Task:
        task = self._tasks.get(owner, task_id, documents=documents) if is_task_id(task_id) else None
        if task is None:
            raise NotFound(f"There is no task {task_id[:100]!r}.")
        return task

    # --- Change ---------------------------------------------------------------------------------

    def cancel(self, owner: str, task_id: str, *, by: str | None = None) -> Task:
        """Cancel a task that has not finished; one that runs is asked to stop (A3, A4). `by` is who asked.

        Raises: NotFound; TransitionNotAllowed for a finished task; Unavailable.
        """

        def change(task: Task) -> Task:
            return task.cancel(self._clock(), self._timing.keep, by)

        def is_done(task: Task) -> bool:
            return task.cancel_requested or task.status is TaskStatus.CANCELED

        task, is_new = self._decide(self._seen(owner, task_id), change, is_done)
        if is_new:
            log.about(task).info("Task canceled", action="task_cancel", status=task.status.value)
        return task

    def retry(self, owner: str, task_id: str, *, by: str | None = None, life: int | None = None) -> Task:
        """Give a task that failed, was canceled or expired its next life (A5). `by` is who asked.

        With a `life`, only a task that is still in it (`redrive_count`).
        Raises: NotFound; TransitionNotAllowed; Unavailable.
        """
        seen = self._announced(self._seen(owner, task_id))
        next_life = (seen.redrive_count if life is None else life) + 1

        def change(task: Task) -> Task:
            if life is not None and task.redrive_count != life:
                raise TransitionNotAllowed("The task has another life by now.")
            return task.redrive(self._clock(), self._timing.grace, by)

        def is_done(task: Task) -> bool:
            return task.redrive_count == next_life

        task, is_new = self._decide(seen, change, is_done)
        if is_new:
            self._metrics.add("TasksRedriven", 1, TaskType=task.type)
            log.about(task).info("Task redriven", action="task_redriven", redrive_count=task.redrive_count)
            self._send([(task, self._task_types.lane_of(task.type), 0)])
        return task

    def _decide(
        self, seen: Task, change: Callable[[Task], Task], is_done: Callable[[Task], bool]
    ) -> tuple[Task, bool]:
        """Store `change(seen)`; when somebody wrote in between, read again and decide again.

        Answers the task, and whether it was changed here: two callers may want the same at the same time.
        """
        for _ in range(_TRIES):
            after = change(seen)
            if after is seen:
                return self._with_documents(seen), False
            stored = self._tasks.replace_seen(seen, after)
            if not isinstance(stored, Conflict):
                return self._with_documents(stored), True
            seen = self._announced(self._seen(seen.owner, seen.id))
            if is_done(seen):
                return self._with_documents(seen), False
        raise Unavailable("The task changes too fast: try again.")

    def _announced(self, task: Task) -> Task:
        """The task as it is once its dead letter is on its way: no change may swallow a death."""
        if not task.dead_letter_unsent:  # guard: redrive.dead-letter-first
            return task
        self._dead_letter_publisher.publish(task)
        return self._seen(task.owner, task.id)

    def _with_documents(self, task: Task) -> Task:
        return self._tasks.load([task])[0]

    def delete(self, owner: str, task_id: str) -> None:
        """Remove a finished task. Raises: NotFound; TransitionNotAllowed for a live one; Unavailable."""
        for _ in range(_TRIES):
            task = self._announced(self._seen(owner, task_id))
            if not task.terminal:
                raise TransitionNotAllowed(f"The task is {task.status}: only a finished task can be deleted.")
            if self._tasks.delete(task):
                log.about(task).info("Task deleted", action="task_deleted")
                return
        raise Unavailable("The task changes too fast to be deleted: try again.")
