"""Reads HTTP requests: the caller, the parameters and the body."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from chalice.app import Request

from chalicelib.domain import errors
from chalicelib.domain.caller import ANYBODY, Caller, Scope, is_owner
from chalicelib.domain.connection import Watch
from chalicelib.domain.documents import nested_too_deep
from chalicelib.domain.errors import FieldError, Invalid, Malformed, TooLarge
from chalicelib.domain.ids import is_correlation_id
from chalicelib.domain.timing import PREFER_WAIT_LIMIT_SECONDS
from chalicelib.domain.validation import pointer
from chalicelib.http.schemas import requests as schemas

if TYPE_CHECKING:
    from chalicelib.auth.tokens import Tokens
    from chalicelib.domain.new_task import NewTask

BODY_LIMIT_BYTES = 256 * 1024
IDEMPOTENCY_KEY_LIMIT = 255
_WAIT = re.compile(r"(?:^|[,;])\s*wait\s*=\s*\"?([0-9]{1,9})\"?\s*(?:$|[,;])", re.IGNORECASE)


def caller(request: Request, tokens: Tokens | None, scope: Scope) -> Caller:
    """The sender of the request, who has `scope`. On a stage without tokens, every sender has every scope.

    An administrator may act for another owner: `?owner=`.
    Raises: Unauthorized, Forbidden, Invalid, Unavailable.
    """
    sender = ANYBODY if tokens is None else tokens.caller(request.headers.get("authorization"))
    sender.require(scope)
    return sender.acting_for(owner_in_query(_query(request)))


def owner_in_query(query: Mapping[str, str]) -> str | None:
    """The owner that an administrator acts for, if the query has one. Raises: Invalid."""
    owner = query.get("owner")
    if owner is not None and not is_owner(owner):
        raise Invalid(
            "The query is not valid.", (FieldError(pointer="/owner", message="this is not an owner's name"),)
        )
    return owner


def correlation_id(request: Request) -> str:
    """The caller's X-Correlation-Id if it is valid, else the request's own id."""
    sent_id = request.headers.get("x-correlation-id", "")
    if is_correlation_id(sent_id):
        return str(sent_id)
    return str(request.context.get("requestId") or token_hex(16))


def new_task(request: Request) -> NewTask:
    """The task in the body. Raises: Malformed, TooLarge, UnsupportedMediaType, Invalid."""
    return schemas.validated(schemas.TaskRequest, _body(request)).new_task()


def new_tasks(request: Request) -> list[NewTask | Exception]:
    """The tasks in the body, in order. A task that is not valid is replaced by its error.

    Raises: Malformed, TooLarge, UnsupportedMediaType, Invalid for the batch itself.
    """
    if request.headers.get("idempotency-key") is not None:
        detail = "A batch takes no Idempotency-Key: send tasks that need one by POST /tasks."
        raise Malformed(detail)
    batch = schemas.validated(schemas.BatchRequest, _body(request))
    return [_new_task_or_error(data) for data in batch.tasks]


def _new_task_or_error(data: Any) -> NewTask | Exception:
    try:
        return schemas.validated(schemas.TaskRequest, data).new_task()
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


def preferred_wait(request: Request) -> int | None:
    """The seconds to wait for a task (`Prefer: wait=5`, RFC 7240), at most PREFER_WAIT_LIMIT_SECONDS.

    None without this preference. An unreadable preference is ignored, as RFC 7240 has it.
    """
    match = _WAIT.search(request.headers.get("prefer", "")[:1000])
    return None if match is None else min(int(match[1]), PREFER_WAIT_LIMIT_SECONDS)


def ticket_watch(request: Request) -> Watch:
    """The watch that a ticket allows: `all` without a body. Raises: as `new_task`."""
    body = schemas.validated(schemas.TicketRequest, _body(request) if request.raw_body else {})
    watch = Watch.parse(body.watch)
    if watch.scope == "none":  # such a ticket would allow no subscription either
        message = "a ticket for none allows nothing: create one for all and connect with watch=none"
        raise Invalid("The ticket is not valid.", (FieldError(pointer="/watch", message=message),))
    return watch


def pause_reason(request: Request) -> str | None:
    """The reason of a pause, if the body has one. Raises: as `new_task`."""
    return schemas.validated(schemas.PauseRequest, _body(request) if request.raw_body else {}).reason


def list_query(request: Request) -> schemas.ListQuery:
    """The filters and the page of a list of tasks. Raises: Invalid."""
    return schemas.validated(schemas.ListQuery, _without_owner(_query(request)))


def redrive(request: Request) -> schemas.RedriveRequest:
    """The redrive in the body. Raises: Malformed, TooLarge, UnsupportedMediaType, Invalid."""
    return schemas.validated(schemas.RedriveRequest, _body(request))


def page_query(request: Request) -> schemas.PageQuery:
    """The page of a list. Raises: Invalid."""
    return schemas.validated(schemas.PageQuery, _without_owner(_query(request)))


def dead_letter_query(request: Request) -> schemas.DeadLetterQuery:
    """The filters and the page of a list of dead letters. Raises: Invalid."""
    return schemas.validated(schemas.DeadLetterQuery, _without_owner(_query(request)))


def stats_query(request: Request) -> schemas.StatsQuery:
    """The period of the statistics. Raises: Invalid."""
    return schemas.validated(schemas.StatsQuery, _without_owner(_query(request)))


def single_valued(query: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """The query with one value for each name. Raises: Invalid if a name has several."""
    repeated = [name for name, values in query.items() if len(values) > 1]
    if repeated:
        message = "this is given more than once"
        raise Invalid(
            "The query is not valid.",
            tuple(FieldError(pointer=pointer((name,)), message=message) for name in repeated),
        )
    return {name: values[0] for name, values in query.items() if values}


def _query(request: Request) -> dict[str, str]:
    query = request.query_params
    return {} if query is None else single_valued({name: query.getlist(name) for name in query})


def _without_owner(query: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in query.items() if name != "owner"}


def _body(request: Request) -> Any:
    """The JSON in the body. Raises: UnsupportedMediaType, TooLarge, Malformed."""
    content_type = request.headers.get("content-type", "application/json")
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise errors.UnsupportedMediaType(f"The body is {content_type[:100]!r}: send application/json.")
    raw = request.raw_body
    if len(raw) > BODY_LIMIT_BYTES:
        raise TooLarge(f"The body has {len(raw)} bytes: at most {BODY_LIMIT_BYTES} are allowed.")
    try:
        body = json.loads(raw, parse_constant=_refuse_constant, object_pairs_hook=_each_key_once)
    except RecursionError:
        raise Malformed("The body is nested too deep.") from None
    except ValueError as error:
        reason = str(error).partition(";")[0]  # Python adds advice for programmers after the semicolon
        raise Malformed(f"The body is not JSON: {reason}.") from None
    if nested_too_deep(body):
        raise Malformed("The body is nested too deep.")
    if not isinstance(body, dict):
        raise Malformed("The body is not a JSON object.")
    return body


def _each_key_once(members: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object. A repeated key is refused: JSON does not define which of its values counts."""
    body = dict(members)
    if len(body) < len(members):
        counts = Counter(name for name, _ in members)
        repeated = next(name for name, count in counts.items() if count > 1)
        raise Malformed(f"The body has the key {repeated[:100]!r} more than once in one object.")
    return body


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
