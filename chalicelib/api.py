"""HTTP in and out: parse a request, call one service, render the answer.

Every error leaves as RFC 9457 problem+json, made in one place: `view`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import Any, ParamSpec, TypeVar
from uuid import uuid4

from chalice.app import Request, Response
from pydantic import BaseModel, ValidationError

from chalicelib.aws.clients import is_outage
from chalicelib.domain import errors
from chalicelib.domain.documents import nested_too_deep
from chalicelib.domain.errors import Invalid, Malformed, TaskServiceError, TooLarge
from chalicelib.domain.new_task import NewTask
from chalicelib.domain.task import Task
from chalicelib.domain.task_types import TaskType
from chalicelib.domain.task_view import task_summary, task_view
from chalicelib.domain.validation import field_errors
from chalicelib.observability import log
from chalicelib.request_models import BatchRequest, ListQuery, StatsQuery, TaskRequest
from chalicelib.settings import OWNER

BODY_LIMIT_BYTES = 256 * 1024
IDEMPOTENCY_KEY_LIMIT = 255
_CORRELATION_ID = re.compile(r"[A-Za-z0-9._:/=+@-]{1,128}")

#: The status of each error; an error that is not here has its parent's.
_STATUS: dict[type[TaskServiceError], int] = {
    errors.Malformed: 400,
    errors.NotFound: 404,
    errors.TransitionNotAllowed: 409,
    errors.TooLarge: 413,
    errors.UnsupportedMediaType: 415,
    errors.Invalid: 422,
    errors.Unavailable: 503,
}
_TITLES = {
    400: "Bad Request",
    404: "Not Found",
    409: "Conflict",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    422: "Unprocessable Content",
    500: "Internal Server Error",
    503: "Service Unavailable",
}

P = ParamSpec("P")
Headers = dict[str, str | list[str]]
M = TypeVar("M", bound=BaseModel)


def view(function: Callable[P, Response]) -> Callable[P, Response]:
    """Turn every exception of a view into a problem; nothing of what went wrong inside leaves."""

    @wraps(function)
    def answer(*args: P.args, **kwargs: P.kwargs) -> Response:
        try:
            return function(*args, **kwargs)
        except TaskServiceError as error:
            return _problem_response(problem(error))
        except Exception as error:
            return _problem_response(_unexpected(error))

    return answer


def _unexpected(error: Exception) -> dict[str, Any]:
    if is_outage(error):
        log.exception("AWS refused", action="aws_refused")
        return problem(errors.Unavailable("A service behind this one did not answer: try again in a moment."))
    log.exception("Request failed", action="request_failed")
    detail = "This is our fault, and it is in our logs."
    return {"type": "about:blank", "title": _TITLES[500], "status": 500, "detail": detail, "code": "internal"}


# --- In -----------------------------------------------------------------------------------------


def owner_of(request: Request) -> str:  # noqa: ARG001 - the owner comes from the caller's token, once there are tokens
    """Whose tasks the request is about."""
    return OWNER


def correlation_id(request: Request) -> str:
    """The caller's X-Correlation-Id, when it is fit for logs; else the request's own id."""
    given = request.headers.get("x-correlation-id", "")
    if _CORRELATION_ID.fullmatch(given):
        return str(given)
    return str(request.context.get("requestId") or uuid4())


def new_task(request: Request) -> NewTask:
    """The task in the body. Raises: Malformed, TooLarge, UnsupportedMediaType, Invalid."""
    return _validated(TaskRequest, _body(request)).new_task()


def new_tasks(request: Request) -> list[NewTask | Exception]:
    """The tasks in the body, each one or what is wrong with it.

    Raises: Malformed, TooLarge, UnsupportedMediaType, Invalid for the batch itself.
    """
    if request.headers.get("idempotency-key") is not None:
        detail = "A batch takes no Idempotency-Key: send the tasks that need one by POST /tasks."
        raise Malformed(detail)
    batch = _validated(BatchRequest, _body(request))
    return [_each(plain) for plain in batch.tasks]


def _each(plain: Any) -> NewTask | Exception:
    try:
        return _validated(TaskRequest, plain).new_task()
    except Invalid as error:
        return error


def idempotency_key(request: Request) -> str | None:
    """The Idempotency-Key. Raises: Malformed when it is empty or too long."""
    key = request.headers.get("idempotency-key")
    if key is None:
        return None
    if not 0 < len(key) <= IDEMPOTENCY_KEY_LIMIT:
        raise Malformed(
            f"The Idempotency-Key has {len(key)} characters: 1 to {IDEMPOTENCY_KEY_LIMIT} are needed."
        )
    return str(key)


def list_query(request: Request) -> ListQuery:
    """What a list is to hold. Raises: Invalid."""
    return _validated(ListQuery, _query(request))


def stats_query(request: Request) -> StatsQuery:
    """Which minutes are wanted. Raises: Invalid."""
    return _validated(StatsQuery, _query(request))


def _query(request: Request) -> dict[str, str]:
    return dict(request.query_params or {})


def _body(request: Request) -> Any:
    """The JSON in the body. Raises: UnsupportedMediaType, TooLarge, Malformed."""
    content_type = request.headers.get("content-type", "application/json")
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise errors.UnsupportedMediaType(f"The body is {content_type[:100]!r}: send application/json.")
    raw = request.raw_body
    if len(raw) > BODY_LIMIT_BYTES:
        raise TooLarge(f"The body has {len(raw)} bytes: at most {BODY_LIMIT_BYTES} are taken.")
    try:
        body = json.loads(raw, parse_constant=_refuse_constant)
    except RecursionError:
        raise Malformed("The body is nested too deep.") from None
    except ValueError as error:
        reason = str(error).partition(";")[0]  # of a huge number: behind it stands advice for programmers
        raise Malformed(f"The body is not JSON: {reason}.") from None
    if nested_too_deep(body):
        raise Malformed("The body is nested too deep.")
    if not isinstance(body, dict):
        raise Malformed("The body is not a JSON object.")
    return body


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _validated(model: type[M], plain: Any) -> M:
    try:
        return model.model_validate(plain)
    except ValidationError as error:
        found = field_errors(error, show_values=True)
        raise Invalid(f"{len(found)} field{'s are' if len(found) > 1 else ' is'} not valid.", found) from None


# --- Out ----------------------------------------------------------------------------------------


def created(task: Task, *, replayed: bool = False) -> Response:
    """201 for a new task; 200 for the one that an idempotency key made before."""
    # A relative reference holds below any stage path and custom domain.
    headers: Headers = {"Location": f"./tasks/{task.id}", "ETag": etag(task)}
    if replayed:
        return Response(task_view(task), headers | {"Idempotency-Replayed": "true"}, 200)
    return Response(task_view(task), headers, 201)


def created_many(made: Sequence[Task | Exception]) -> Response:
    """207 with what became of each task, in order."""
    return Response({"results": [_result(each, number) for number, each in enumerate(made)]}, status_code=207)


def _result(made: Task | Exception, number: int) -> dict[str, Any]:
    if isinstance(made, Task):
        return {"status": 201, "task": task_view(made)}
    found = problem(made, f"/tasks/{number}") if isinstance(made, TaskServiceError) else _unexpected(made)
    return {"status": found["status"], "problem": found}


def found(request: Request, task: Task) -> Response:
    """200 with the task, or 304 when the caller has this version."""
    known = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
    if known & {etag(task), "*"}:
        return Response("", {"ETag": etag(task)}, 304)
    return Response(task_view(task), {"ETag": etag(task)}, 200)


def changed(task: Task) -> Response:
    """200 with the task as it is now."""
    return Response(task_view(task), {"ETag": etag(task)}, 200)


def deleted() -> Response:
    """204."""
    return Response("", status_code=204)


def page(tasks: Sequence[Task], cursor: str | None) -> Response:
    """A page of a list."""
    return Response({"tasks": [task_summary(task) for task in tasks], "next_cursor": cursor}, status_code=200)


def task_types(types: Iterable[TaskType[Any]]) -> Response:
    """What tasks can be asked for."""
    views = [
        {
            "name": each.name,
            "description": each.description,
            "lane": each.lane.value,
            "payload_schema": each.payload_model.model_json_schema(),
            "defaults": {"max_attempts": each.max_attempts, "timeout_seconds": each.timeout_seconds},
        }
        for each in types
    ]
    return Response({"task_types": views}, status_code=200)


def plain(body: dict[str, Any]) -> Response:
    """200 with a JSON object."""
    return Response(body, status_code=200)


def etag(task: Task) -> str:
    """The entity tag of a version."""
    return f'"v{task.version}"'


def problem(error: TaskServiceError, prefix: str = "") -> dict[str, Any]:
    """The problem document (RFC 9457) of an error; its pointers start with `prefix`."""
    status = next(_STATUS[parent] for parent in type(error).__mro__ if parent in _STATUS)
    document: dict[str, Any] = {
        "type": "about:blank",
        "title": _TITLES[status],
        "status": status,
        "detail": error.detail,
        "code": error.code,
    }
    if isinstance(error, Invalid) and error.errors:
        document["errors"] = [
            {"pointer": prefix + each.pointer, "message": each.message} for each in error.errors
        ]
    return document


def _problem_response(document: dict[str, Any]) -> Response:
    headers: Headers = {"Content-Type": "application/problem+json"}
    if document["status"] == 503:
        headers["Retry-After"] = "1"
    return Response(document, headers, document["status"])
