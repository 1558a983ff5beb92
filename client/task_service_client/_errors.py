"""The errors that do not refer to a task. See `errors` for the whole tree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


class TaskServiceError(Exception):
    """Base class of every error that this package raises."""


class NotConfigured(TaskServiceError):
    """No valid address of the service is configured."""


class Unreachable(TaskServiceError):
    """The service did not answer. `unsent` is True when the request cannot have reached it."""

    def __init__(self, message: str, *, unsent: bool = False) -> None:
        super().__init__(message)
        self.unsent = unsent


@dataclass(frozen=True, slots=True)
class FieldError:
    """The error of one field in a request."""

    pointer: str  #: a JSON pointer into the request, such as /payload/seconds
    message: str


class Refused(TaskServiceError):
    """The service answered with a problem document (RFC 9457)."""

    def __init__(self, status: int, problem: Mapping[str, Any], retry_after_seconds: float | None) -> None:
        self.status = status
        self.code = str(problem.get("code", ""))  #: for programs
        self.title = str(problem.get("title") or f"HTTP {status}")
        self.detail = str(problem.get("detail") or self.title)  #: for people
        self.errors = tuple(
            FieldError(str(error.get("pointer", "")), str(error.get("message", "")))
            for error in problem.get("errors") or ()
        )
        self.problem = dict(problem)  #: the document as it was received
        self.retry_after_seconds = retry_after_seconds
        super().__init__(self.detail)

    def __str__(self) -> str:
        fields = "; ".join(f"{error.pointer}: {error.message}" for error in self.errors)
        return f"{self.detail} ({fields})" if fields else self.detail


class BadRequest(Refused):
    """400: the service cannot read the request."""


class Unauthorized(Refused):
    """401: the token is missing or invalid."""


class Forbidden(Refused):
    """403: the token lacks a scope."""


class NotFound(Refused):
    """404: the task does not exist, or belongs to another owner."""


class Conflict(Refused):
    """409: the status of the task does not allow the request."""


class TooLarge(Refused):
    """413: the request has more than 256 KB."""


class Invalid(Refused):
    """422: `errors` has one entry for each wrong field."""


class TooMany(Refused):
    """429: a limit is exceeded; `retry_after_seconds` is the time until the next try."""


class Unavailable(Refused):
    """500 and above: the service failed."""


_REFUSALS: Mapping[int, type[Refused]] = {
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
    refused = _REFUSALS.get(status, Unavailable if status >= 500 else Refused)
    return refused(status, problem, retry_after_seconds)


class SocketLost(Exception):
    """A WebSocket could not be opened, or was closed. Internal: the client reconnects or polls."""
