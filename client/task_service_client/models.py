"""The responses of the service, as frozen values. `json` holds the fields that a newer service adds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from task_service_client._decoding import Decoded
from task_service_client._errors import TaskServiceError

#: A task in one of these statuses changes only when it is retried.
FINAL_STATUSES: Final = frozenset({"succeeded", "failed", "canceled", "expired"})


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskError(Decoded):
    """The error of a task or of an attempt."""

    kind: str = ""  #: exception, timeout, crashed, poison or rejected
    type: str = ""
    message: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress(Decoded):
    """The progress that a running task has reported."""

    percent: float = 0.0
    message: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt(Decoded):
    """One attempt to run a task."""

    number: int = 0
    outcome: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    error: TaskError | None = None
    next_wait_seconds: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Ticket(Decoded):
    """A URL that opens one WebSocket, until `expires_at`."""

    url: str
    expires_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Task(Decoded):
    """One version of a task. Tasks from a list have no `payload`, `result` and `attempts`."""

    id: str
    type: str
    status: str
    version: int
    payload: Any = None
    result: Any = None
    error: TaskError | None = None
    progress: Progress | None = None
    attempt: int = 0
    max_attempts: int = 1
    timeout_seconds: float | None = None
    attempts: tuple[Attempt, ...] = ()
    tags: tuple[str, ...] = ()
    created_at: datetime | None = None
    updated_at: datetime | None = None
    queued_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    run_at: datetime | None = None
    expires_at: datetime | None = None
    lease_until: datetime | None = None
    cancel_requested: bool = False
    redrive_count: int = 0
    dead_lettered_at: datetime | None = None
    truncated: bool = False  #: too large for a frame: `get` the task for its payload and result
    stream: Ticket | None = None  #: set in the response to `create`

    @property
    def finished(self) -> bool:
        """Has it succeeded, failed, been canceled or expired?"""
        return self.status in FINAL_STATUSES

    def raise_for_status(self) -> Task:
        """The task itself if it succeeded or has not finished yet.

        Raises: TaskFailed, TaskCanceled, TaskExpired.
        """
        if self.status in _ERRORS:
            raise _ERRORS[self.status](self)
        return self


class WaitTimeout(TaskServiceError):
    """The task did not finish in time; `task` is its latest version."""

    def __init__(self, task: Task) -> None:
        super().__init__(f"Task {task.id} is still {task.status}.")
        self.task = task


class NotSucceeded(TaskServiceError):
    """The task finished without success."""

    def __init__(self, task: Task) -> None:
        reason = f": {task.error.type}: {task.error.message}" if task.error else ""
        super().__init__(f"Task {task.id} {task.status}{reason}")
        self.task = task


class TaskFailed(NotSucceeded):
    """Its last attempt failed."""


class TaskCanceled(NotSucceeded):
    """It was canceled."""


class TaskExpired(NotSucceeded):
    """It had not started before its `expires_at`."""


_ERRORS: Final[Mapping[str, type[NotSucceeded]]] = {
    "failed": TaskFailed,
    "canceled": TaskCanceled,
    "expired": TaskExpired,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Pause(Decoded):
    """The pause of a task type: when, by whom and why."""

    at: datetime | None = None
    by: str | None = None
    reason: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskType(Decoded):
    """A kind of task that the service can run."""

    name: str
    description: str = ""
    lane: str = ""
    payload_schema: Mapping[str, Any] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    paused: Pause | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Ahead(Decoded):
    """The number of tasks that wait before this one."""

    count: int = 0
    approximate: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Explanation(Decoded):
    """The reason for a task's status, and what happens next."""

    task_id: str
    status: str
    reason: str  #: for programs
    detail: str = ""
    until: datetime | None = None
    ahead: Ahead | None = None
    next: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class DeadLetterGroup(Decoded):
    """Dead letters with the same cause. `count` covers the records that were read."""

    id: str
    type: str | None = None
    kind: str = ""
    error_type: str = ""
    message: str = ""
    count: int = 0
    first_failed_at: datetime | None = None
    last_failed_at: datetime | None = None
    task_ids: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class DeadLetter(Decoded):
    """One final failure of a task, or a message that belongs to no task."""

    key: str
    task_id: str | None = None
    redrive_count: int = 0
    type: str | None = None
    kind: str = ""
    error_type: str = ""
    message: str = ""
    attempt: int | None = None
    failed_at: datetime | None = None
    recorded_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Preview(Decoded):
    """The tasks that a redrive would retry or cancel."""

    matched: int = 0
    more: bool = False  #: more tasks match than were counted
    sample: tuple[Task, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Redrive(Decoded):
    """A retry or cancel of many tasks at a limited rate."""

    id: str
    action: str = ""
    filter: Mapping[str, Any] = field(default_factory=dict)
    status: str = ""  #: running, done, aborted or failed
    examined: int = 0
    matched: int = 0
    changed: int = 0
    skipped: int = 0
    failed: int = 0
    rate: float = 0
    created_at: datetime | None = None
    updated_at: datetime | None = None
    finished_at: datetime | None = None
    by: str | None = None

    @property
    def finished(self) -> bool:
        """Is it done, aborted or failed?"""
        return self.status not in ("", "running")


@dataclass(frozen=True, kw_only=True, slots=True)
class Stats(Decoded):
    """Approximate counts of the last minutes, and the depths of the queues."""

    totals: Mapping[str, Any] = field(default_factory=dict)
    minutes: tuple[Mapping[str, Any], ...] = ()
    #: By name: the counts `ready`, `delayed` and `in_flight`.
    queues: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    @property
    def pending_dead_letters(self) -> int:
        """Dead letters of all owners that wait to be recorded, which takes up to five minutes."""
        return sum(self.queues.get("dead-letters", {}).values())
