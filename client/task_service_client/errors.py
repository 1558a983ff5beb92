"""What can go wrong, as one tree:

TaskServiceError
├── NotConfigured          nobody said where the service is
├── Unreachable            no answer, after all tries
├── Refused                the service answered with a problem; it holds all that was said
│   ├── BadRequest         400: the request cannot be read
│   ├── Unauthorized       401: no good token
│   ├── Forbidden          403: the token lacks a scope
│   ├── NotFound           404: no such task, or another owner's
│   ├── Conflict           409: the task's status does not allow it
│   ├── TooLarge           413: over 256 KB
│   ├── Invalid            422: `errors` points to each wrong field
│   ├── TooMany            429: over a limit, after all tries; `retry_after_seconds` says when to come again
│   └── Unavailable        500 and above, after all tries
├── WaitTimeout            the task had not finished in time; `task` is what was seen last
└── NotSucceeded           what `Task.raise_for_status` raises; `task` holds the error
    ├── TaskFailed
    ├── TaskCanceled
    └── TaskExpired
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from task_service_client.models import Task


class TaskServiceError(Exception):
    """Everything that this package raises on purpose."""


class NotConfigured(TaskServiceError):
    """Nobody said where the service is."""


class Unreachable(TaskServiceError):
    """The service did not answer. `unsent` when the request surely did not reach it."""

    def __init__(self, message: str, *, unsent: bool = False) -> None:
        super().__init__(message)
        self.unsent = unsent


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field."""

    pointer: str  #: a JSON pointer into the request, such as /payload/seconds
    message: str


class Refused(TaskServiceError):
    """The service answered with a problem (RFC 9457)."""

    def __init__(self, status: int, problem: Mapping[str, Any], retry_after_seconds: float | None) -> None:
        self.status = status
        self.code = str(problem.get("code", ""))  #: for programs
        self.title = str(problem.get("title") or f"HTTP {status}")
        self.detail = str(problem.get("detail") or self.title)  #: for people
        self.errors = tuple(
            FieldError(str(each.get("pointer", "")), str(each.get("message", "")))
            for each in problem.get("errors") or ()
        )
        self.problem = dict(problem)  #: the document as it came
        self.retry_after_seconds = retry_after_seconds
        super().__init__(self.detail)

    def __str__(self) -> str:
        fields = "; ".join(f"{each.pointer}: {each.message}" for each in self.errors)
        return f"{self.detail} ({fields})" if fields else self.detail


class BadRequest(Refused):
    """400."""


class Unauthorized(Refused):
    """401."""


class Forbidden(Refused):
    """403."""


class NotFound(Refused):
    """404."""


class Conflict(Refused):
    """409."""


class TooLarge(Refused):
    """413."""


class Invalid(Refused):
    """422."""


class TooMany(Refused):
    """429."""


class Unavailable(Refused):
    """500 and above."""


_KINDS: Mapping[int, type[Refused]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    413: TooLarge,
    422: Invalid,
    429: TooMany,
}


def refusal(status: int, problem: Mapping[str, Any], retry_after_seconds: float | None = None) -> Refused:
    """The exception for a problem document."""
    kind = _KINDS.get(status, Unavailable if status >= 500 else Refused)
    return kind(status, problem, retry_after_seconds)


class WaitTimeout(TaskServiceError):
    """The task had not finished in time."""

    def __init__(self, task: Task) -> None:
        super().__init__(f"Task {task.id} is still {task.status}.")
        self.task = task


class NotSucceeded(TaskServiceError):
    """The task finished, and did not succeed."""

    def __init__(self, task: Task) -> None:
        reason = f": {task.error.type}: {task.error.message}" if task.error else ""
        super().__init__(f"Task {task.id} {task.status}{reason}")
        self.task = task


class TaskFailed(NotSucceeded):
    """It failed for good."""


class TaskCanceled(NotSucceeded):
    """It was canceled."""


class TaskExpired(NotSucceeded):
    """Its `expires_at` came before its start."""


class SocketLost(Exception):
    """A WebSocket could not be opened, or ended. Inside only: what follows tasks connects again."""
