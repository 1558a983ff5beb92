"""Every error a caller of the service can meet.

    TaskServiceError
    ├── Malformed                the request cannot be read at all
    │   └── BadCursor            a cursor that was tampered with, or belongs to another owner or filter
    ├── Invalid                  readable, but some fields are wrong
    │   └── IdempotencyMismatch  the key was used before with another body
    ├── Unauthorized             nobody proved who they are
    ├── Forbidden                the token does not allow it
    ├── NotFound                 no such task for this owner
    ├── TransitionNotAllowed     the task's status does not allow it
    │   └── AlreadyRunning       another one does the same
    ├── UnsupportedMediaType     the body is not JSON
    ├── TooLarge                 the body is over the limit
    ├── TooMany                  the owner's limit is reached: later
    └── Unavailable              try again: a dependency refused, or too many writers at once

`chalicelib/http/problems.py` has the table of their HTTP statuses. Errors of task types are in `outcomes.py`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class FieldError:
    """One wrong field: where it is (a JSON pointer, RFC 6901) and what to do about it."""

    pointer: str
    message: str


class TaskServiceError(Exception):
    """The root: `code` is stable and for machines, `detail` is a sentence for callers, str() one for logs."""

    code = "error"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class Malformed(TaskServiceError):
    """The request cannot be read."""

    code = "malformed"


class BadCursor(Malformed):
    """The cursor was not made by this service for this owner and these filters."""

    code = "bad_cursor"


class Invalid(TaskServiceError):
    """The request can be read, but `errors` names fields whose values are refused."""

    code = "invalid"

    def __init__(self, detail: str, errors: tuple[FieldError, ...] = ()) -> None:
        super().__init__(detail)
        self.errors = errors


class IdempotencyMismatch(Invalid):
    """The `Idempotency-Key` was used within 24 hours with another body."""

    code = "idempotency_mismatch"


class Unauthorized(TaskServiceError):
    """Nobody proved who they are: no token, or none that is good here."""

    code = "unauthorized"


class Forbidden(TaskServiceError):
    """The token is good and does not allow this."""

    code = "forbidden"


class NotFound(TaskServiceError):
    """The owner has no such task."""

    code = "not_found"


class TransitionNotAllowed(TaskServiceError):
    """The task's status does not allow what was asked."""

    code = "transition_not_allowed"


class AlreadyRunning(TransitionNotAllowed):
    """What was asked for is being done already."""

    code = "already_running"


class UnsupportedMediaType(TaskServiceError):
    """The body is not declared as JSON."""

    code = "unsupported_media_type"


class TooLarge(TaskServiceError):
    """The body or a part of it is over its limit."""

    code = "too_large"


class TooMany(TaskServiceError):
    """A limit of the owner is reached; `retry_after_seconds` tells when it may have passed."""

    code = "too_many"

    def __init__(self, detail: str, *, retry_after_seconds: float, limit: str, quota: int) -> None:
        super().__init__(detail)
        self.retry_after_seconds = retry_after_seconds
        self.limit = limit  #: its name, as in the RateLimit-Policy field
        self.quota = quota  #: what it allows at once


class Unavailable(TaskServiceError):
    """Nothing is wrong with the request: send it again in a moment."""

    code = "unavailable"

    def __init__(self, detail: str, *, inside: str | None = None) -> None:
        """`inside` says in logs alone, by str(), what callers need not know."""
        super().__init__(detail)
        if inside is not None:
            self.args = (inside,)
