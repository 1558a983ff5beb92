"""One run of a claimed task: calls its task type, stores its progress and checks its deadline."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING, Any

from pydantic_core import PydanticSerializationError, to_jsonable_python

from chalicelib.domain.documents import Document
from chalicelib.domain.errors import Invalid
from chalicelib.domain.outcomes import Cancel, LeaseLost, NonRetryable, Rejected, RetryAfter, Snooze
from chalicelib.domain.task import Conflict, ErrorKind, Progress, Task, TaskError
from chalicelib.domain.timing import Timing
from chalicelib.observability import log

if TYPE_CHECKING:
    from chalicelib.aws.dynamodb.task_table import TaskTable
    from chalicelib.domain.task_types import TaskType

#: Progress is stored at most this often.
PROGRESS_INTERVAL = timedelta(seconds=1)
#: The largest result. An item of DynamoDB has at most 400 KB.
RESULT_LIMIT_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Success:
    """The task type returned a result."""

    result: Document


@dataclass(frozen=True, slots=True)
class Failure:
    """The run failed."""

    error: TaskError
    final: bool = False  #: a retry cannot help
    wait_seconds: float | None = None  #: set by the task type, instead of the backoff


@dataclass(frozen=True, slots=True)
class Lost:
    """The run no longer holds its task: there is nothing to record."""


Outcome = Success | Failure | Snooze | Cancel | Lost


class Run:
    """The `TaskContext` of a task type, and the worker's side of the run."""

    def __init__(
        self,
        task: Task,
        *,
        tasks: TaskTable,
        secret: Callable[[str, str, str], str],
        clock: Callable[[], datetime],
        timing: Timing,
        ends_at: datetime,
    ) -> None:
        assert task.lease_until is not None, "a claimed task has a lease"
        self.task = task
        self.abandoned = False  #: the run is over, but its thread may still run
        self.log = log.about(task)
        # guard: run.deadline-in-invocation
        self._deadline = min(task.lease_until - timing.lease_margin, ends_at - timing.reserve)
        self._tasks = tasks
        self._secret = secret
        self._clock = clock
        self._timing = timing
        self._ends_at = ends_at
        self._lock = Lock()  # a task type may have threads of its own
        self._reporting = False
        self._reported_at: datetime | None = None
        self._unreported: Progress | None = None
        self._outcome: Outcome | None = None

    # --- TaskContext: used by the task type -----------------------------------------------------

    @property
    def task_id(self) -> str:
        return self.task.id

    @property
    def owner(self) -> str:
        return self.task.owner

    @property
    def attempt(self) -> int:
        return self.task.attempt

    @property
    def max_attempts(self) -> int:
        return self.task.max_attempts

    @property
    def deadline(self) -> datetime:
        return self._deadline

    @property
    def cancel_requested(self) -> bool:
        return self.task.cancel_requested

    def remaining_seconds(self) -> float:
        return max(0.0, (self._deadline - self._clock()).total_seconds())

    def secret(self, name: str, host: str) -> str:
        return self._secret(self.task.owner, name, host)

    def progress(self, percent: float, message: str = "") -> None:
        if not math.isfinite(percent):
            raise ValueError(f"progress({percent}): a number from 0 to 100 is needed")
        if self.abandoned:
            raise LeaseLost(self.task.id)
        progress = Progress(percent=min(max(float(percent), 0.0), 100.0), message=str(message)[:200])
        with self._lock:
            self._unreported = progress
            now = self._clock()
            soon = self._reported_at is not None and now - self._reported_at < PROGRESS_INTERVAL
            if soon or self._reporting:
                return
            self._reporting = True
        try:  # outside the lock: no thread waits for another's request
            self._report(progress, now)
        finally:
            self._reporting = False

    def _report(self, progress: Progress, now: datetime) -> None:
        """Store the progress and extend the lease, if the lease is still held. Raises: LeaseLost."""
        deadline = self._timing.deadline(now, self.task.timeout_seconds, self._ends_at)
        assert self.task.lease_until is not None
        # Never earlier: the claim did not consider the end of the invocation, which may come first.
        lease_until = max(self.task.lease_until, deadline + self._timing.lease_margin)
        stored = self._tasks.extend(self.task, progress, now=now, lease_until=lease_until)
        if isinstance(stored, Conflict):
            raise LeaseLost(self.task.id)
        with self._lock:
            # guard: progress.not-after-deadline
            if self.abandoned:  # during the request: the worker records the timeout next
                raise LeaseLost(self.task.id)
            self.task = self._tasks.with_documents_of(self.task, stored)
            self._deadline = max(deadline, self._deadline)
            self._reported_at = now
            if self._unreported is progress:
                self._unreported = None

    # --- Used by the worker ---------------------------------------------------------------------

    def call(self, task_type: TaskType[Any] | None) -> None:
        """Call the task type, in the thread of this run. None stands for an unregistered type."""
        if task_type is None:  # newer code created the task, or the type was removed
            message = f"No task type {self.task.type!r} is registered in the code that runs."
            self._outcome = Failure(TaskError.of(ErrorKind.EXCEPTION, message, "UnknownTaskType"))
        else:
            self._outcome = self._call(task_type)

    def time_left(self) -> float:
        """The seconds to the deadline, negative after it. At 0 the run is over: no progress extends it."""
        with self._lock:
            left = (self._deadline - self._clock()).total_seconds()
            self.abandoned = self.abandoned or left <= 0
            return left

    @property
    def unfinished(self) -> bool:
        """May the thread of the run still be running?"""
        return self.abandoned or self._outcome is None

    def outcome(self) -> Outcome:
        """The outcome of the call: a timeout if it has not ended by now."""
        stopped, self.abandoned = self.abandoned, self._outcome is None
        if self._outcome is not None and not (stopped and isinstance(self._outcome, Lost)):
            return self._outcome
        limit = f"{self.task.timeout_seconds:g} s without progress, or the end of the invocation"
        message = f"The run was stopped at its deadline: {limit}."
        return Failure(TaskError.of(ErrorKind.TIMEOUT, message))

    def with_latest_progress(self) -> Task:
        """The task with its last reported progress, which may not have been stored yet."""
        if self._unreported is None:
            return self.task
        return replace(self.task, progress=self._unreported)

    def _call(self, task_type: TaskType[Any]) -> Outcome:
        try:
            return _outcome_of(task_type.handler(self._payload(task_type), self))
        except LeaseLost:
            return Lost()
        except NonRetryable as error:
            kind = ErrorKind.REJECTED if isinstance(error, Rejected) else ErrorKind.EXCEPTION
            return Failure(_described(error, kind), final=True)
        except RetryAfter as error:
            return Failure(_described(error), wait_seconds=error.seconds)
        except BaseException as error:  # even SystemExit: user code must not end the worker
            self.log.warning("Task type raised", action="task_raised", error_type=type(error).__qualname__)
            return Failure(_described(error))

    def _payload(self, task_type: TaskType[Any]) -> Any:
        if self.task.payload.missing:
            raise Rejected("The payload is gone: the task was deleted while it ran.")
        try:
            return task_type.parse(self.task.payload.value())
        except Invalid as error:
            raise Rejected(str(error)) from None


def _described(error: BaseException, kind: ErrorKind = ErrorKind.EXCEPTION) -> TaskError:
    name = type(error).__qualname__
    try:
        message = str(error)
    except Exception:  # __str__ is user code, too
        message = ""
    return TaskError.of(kind, message or name, name)


def _outcome_of(returned: Any) -> Outcome:
    if isinstance(returned, Snooze | Cancel):
        return returned
    try:
        result = Document.of(to_jsonable_python(returned))
    except (TypeError, ValueError, RecursionError, PydanticSerializationError) as error:
        raise Rejected(f"The result is not JSON: {error}") from error
    if result.size > RESULT_LIMIT_BYTES:
        raise Rejected(f"The result has {result.size} bytes; at most {RESULT_LIMIT_BYTES} are kept.")
    return Success(result)
