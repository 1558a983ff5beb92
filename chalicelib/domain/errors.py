"""Every error that the service raises to its callers.

    TaskServiceError
    ├── Malformed                the request cannot be parsed
    │   └── BadCursor            the cursor was changed, or belongs to another owner or filter
    ├── Invalid                  some fields have wrong values
    │   └── IdempotencyMismatch  the key was used before with another body
    ├── Unauthorized             the request has no valid token
    ├── Forbidden                the token does not allow the request
    ├── NotFound                 the owner has no such task
    ├── TransitionNotAllowed     the task's status does not allow the change
    │   └── AlreadyRunning       the same operation is running
    ├── UnsupportedMediaType     the body is not JSON
    ├── TooLarge                 the body is over the limit
    ├── TooMany                  a limit of the owner is reached: send it later
    └── Unavailable              send it again: a dependency failed, or other writers interfered

`chalicelib/http/problems.py` maps them to HTTP statuses. `outcomes.py` has those
that a *task type* raises. Outage is not one of them: an AWS service does not answer. Its response is a 503.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class FieldError:
    """One wrong field: a JSON pointer to it (RFC 6901) and a message that says how to correct it."""

    pointer: str
    message: str


class TaskServiceError(Exception):
    """The root: `code` is stable and for machines, `detail` is for callers, str() is for logs."""

    code = "error"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class Malformed(TaskServiceError):
    """The request cannot be parsed."""

    code = "malformed"


class BadCursor(Malformed):
    """The service did not issue this cursor for this owner and these filters."""

    code = "bad_cursor"


class Invalid(TaskServiceError):
    """The request can be parsed, but has wrong values; `errors` names the fields."""

    code = "invalid"

    def __init__(self, detail: str, errors: tuple[FieldError, ...] = ()) -> None:
        super().__init__(detail)
        self.errors = errors

    def __str__(self) -> str:
        """The detail and each wrong field."""
        fields = "; ".join(f"{each.pointer or '/'}: {each.message}" for each in self.errors)
        return f"{self.detail} {fields}".rstrip()


class IdempotencyMismatch(Invalid):
    """The `Idempotency-Key` was used with another body within 24 hours."""

    code = "idempotency_mismatch"


class Unauthorized(TaskServiceError):
    """The request has no token, or an invalid one."""

    code = "unauthorized"


class Forbidden(TaskServiceError):
    """The token is valid but does not allow the request."""

    code = "forbidden"


class NotFound(TaskServiceError):
    """The owner has no such task."""

    code = "not_found"


class TransitionNotAllowed(TaskServiceError):
    """The task's status does not allow the requested change."""

    code = "transition_not_allowed"


class AlreadyRunning(TransitionNotAllowed):
    """The requested operation is already running."""

    code = "already_running"


class UnsupportedMediaType(TaskServiceError):
    """The body is not declared as JSON."""

    code = "unsupported_media_type"


class TooLarge(TaskServiceError):
    """The body or a part of it exceeds its limit."""

    code = "too_large"


class TooMany(TaskServiceError):
    """A limit of the owner is reached; the request may succeed after `retry_after_seconds`."""

    code = "too_many"

    def __init__(self, detail: str, *, retry_after_seconds: float, limit: str, quota: int) -> None:
        super().__init__(detail)
        self.retry_after_seconds = retry_after_seconds
        self.limit = limit  #: its name in the RateLimit-Policy header
        self.quota = quota  #: the most that it allows at once


class Unavailable(TaskServiceError):
    """The request is correct but could not be served: send it again in a moment."""

    code = "unavailable"

    def __init__(self, detail: str, *, inside: str | None = None) -> None:
        """`inside` replaces `detail` in logs; callers do not see it."""
        super().__init__(detail)
        if inside is not None:
            self.args = (inside,)


class Outage(Exception):
    """AWS did not answer, or was too busy, after all attempts: trying again later may help."""
