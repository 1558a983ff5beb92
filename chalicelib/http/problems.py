"""Errors as problem documents (RFC 9457).

Client errors are described. Internal errors are logged and hidden.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec

from chalice.app import Response

from chalicelib.domain import errors
from chalicelib.domain.errors import Invalid, Outage, TaskServiceError, TooMany
from chalicelib.observability import log

P = ParamSpec("P")
Headers = dict[str, str | list[str]]

#: The status of each error. An error that is not in the table has the status of its parent class.
_STATUS: dict[type[TaskServiceError], int] = {
    errors.Malformed: 400,
    errors.Unauthorized: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.TransitionNotAllowed: 409,
    errors.TooLarge: 413,
    errors.UnsupportedMediaType: 415,
    errors.Invalid: 422,
    errors.TooMany: 429,
    errors.Unavailable: 503,
}
TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    409: "Conflict",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    422: "Unprocessable Content",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}
#: Refusals that are logged, so that an operator can see attacks and overload.
_REFUSALS = (errors.Unauthorized, errors.Forbidden, errors.TooMany, errors.Unavailable)


def view(function: Callable[P, Response]) -> Callable[P, Response]:
    """`function` with every exception turned into a problem response without internal details."""

    @wraps(function)
    def respond(*args: P.args, **kwargs: P.kwargs) -> Response:
        try:
            return function(*args, **kwargs)
        except TaskServiceError as error:
            if isinstance(error, _REFUSALS):
                log.warning("Request refused", action="request_refused", code=error.code, reason=str(error))
            document = problem(error)
            return Response(document, _headers(error, document["status"]), document["status"])
        except Exception as error:
            document = unexpected(error)
            return Response(document, _headers(error, document["status"]), document["status"])

    return respond


def status_of(error: type[TaskServiceError]) -> int:
    """The HTTP status of an error, by the nearest of its classes in the table."""
    return next(_STATUS[parent] for parent in error.__mro__ if parent in _STATUS)


def problem(error: TaskServiceError, prefix: str = "") -> dict[str, Any]:
    """The problem document of an error; its pointers start with `prefix`."""
    status = status_of(type(error))
    document: dict[str, Any] = {
        "type": "about:blank",
        "title": TITLES[status],
        "status": status,
        "detail": error.detail,
        "code": error.code,
    }
    if isinstance(error, Invalid) and error.errors:
        document["errors"] = [
            {"pointer": prefix + each.pointer, "message": each.message} for each in error.errors
        ]
    return document


def unexpected(error: Exception) -> dict[str, Any]:
    """Log an unexpected exception and return its problem document: 503 if AWS failed, else 500."""
    if isinstance(error, Outage):
        log.exception("AWS request failed", action="aws_refused")
        return problem(errors.Unavailable("A dependency did not respond: try again in a moment."))
    log.exception("Request failed", action="request_failed")
    detail = "The service failed. The cause is in its log."
    return {"type": "about:blank", "title": TITLES[500], "status": 500, "detail": detail, "code": "internal"}


def _headers(error: Exception, status: int) -> Headers:
    headers: Headers = {"Content-Type": "application/problem+json"}
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="tasks"'
    if status == 503:
        headers["Retry-After"] = "1"
    if isinstance(error, TooMany):
        # draft-ietf-httpapi-ratelimit-headers
        seconds = max(1, math.ceil(error.retry_after_seconds))
        headers["Retry-After"] = str(seconds)
        headers["RateLimit-Policy"] = f'"{error.limit}";q={error.quota}'
        headers["RateLimit"] = f'"{error.limit}";r=0;t={seconds}'
    return headers
