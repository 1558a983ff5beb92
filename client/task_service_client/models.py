"""What the service answers, as frozen values. Fields that a newer service adds are left in `json`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from task_service_client.decoding import Decoded
from task_service_client.errors import NotSucceeded, TaskCanceled, TaskExpired, TaskFailed

#: A task in one of these changes only when it is retried.
FINAL_STATUSES: Final = frozenset({"succeeded", "failed", "canceled", "expired"})
#: A task in one of these has yet to finish.
LIVE_STATUSES: Final = ("scheduled", "queued", "running", "retrying")
_OUTCOMES: Final[Mapping[str, type[NotSucceeded]]] = {
    "failed": TaskFailed,
    "canceled": TaskCanceled,
    "expired": TaskExpired,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskError(Decoded):
    """Why a task failed, or its last attempt did."""

    kind: str = ""  #: exception, timeout, crashed, poison or rejected
    type: str = ""
    message: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress(Decoded):
    """How far a running task says it is."""

    percent: float = 0.0
    message: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt(Decoded):
    """One start of a task."""

    number: int = 0
    outcome: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    error: TaskError | None = None
    next_wait_seconds: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Ticket(Decoded):
    """The right to open one WebSocket, soon."""

    url: str
    expires_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Task(Decoded):
    """A task at one version. A list leaves `payload`, `result` and `attempts` out."""

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
    truncated: bool = False  #: an update too big for a frame: get the task for its payload and result
    stream: Ticket | None = None  #: only of a new task

    @property
    def finished(self) -> bool:
        """Has it succeeded, failed, been canceled or expired?"""
        return self.status in FINAL_STATUSES

    def raise_for_status(self) -> Task:
        """The task itself, when it did not end without success.

        Raises: TaskFailed, TaskCanceled, TaskExpired.
        """
        if self.status in _OUTCOMES:
            raise _OUTCOMES[self.status](self)
        return self


@dataclass(frozen=True, kw_only=True, slots=True)
class Pause(Decoded):
    """Since when no task of a type is started, and why."""

    at: datetime | None = None
    by: str | None = None
    reason: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskType(Decoded):
    """What tasks can be asked for."""

    name: str
    description: str = ""
    lane: str = ""
    payload_schema: Mapping[str, Any] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    paused: Pause | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Ahead(Decoded):
    """How many tasks wait before this one."""

    count: int = 0
    approximate: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Explanation(Decoded):
    """Why a task is where it is, and what happens next."""

    task_id: str
    status: str
    reason: str  #: for programs
    detail: str = ""
    until: datetime | None = None
    ahead: Ahead | None = None
    next: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class DeadLetterGroup(Decoded):
    """Deaths of one cause. `count` covers what was looked at."""

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
    """One death of one task."""

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
    """What a redrive would handle."""

    matched: int = 0
    more: bool = False  #: there are more than were counted
    sample: tuple[Task, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Redrive(Decoded):
    """Retrying or canceling many tasks, at a bounded rate."""

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
        """Has it come to its end?"""
        return self.status not in ("", "running")


@dataclass(frozen=True, kw_only=True, slots=True)
class Stats(Decoded):
    """Approximate counts of the last minutes, and how much waits."""

    totals: Mapping[str, Any] = field(default_factory=dict)
    minutes: tuple[Mapping[str, Any], ...] = ()
    queues: Mapping[str, Mapping[str, int]] = field(
        default_factory=dict
    )  #: {name: {ready, delayed, in_flight}}
