"""HTTP in: who calls, and what they want, from a request."""

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
from chalicelib.domain.timing import LONGEST_WAIT_SECONDS
from chalicelib.domain.validation import pointer
from chalicelib.http.schemas import requests as asked

if TYPE_CHECKING:
    from chalicelib.auth.tokens import Tokens
    from chalicelib.domain.new_task import NewTask

BODY_LIMIT_BYTES = 256 * 1024
IDEMPOTENCY_KEY_LIMIT = 255
_WAIT = re.compile(r"(?:^|[,;])\s*wait\s*=\s*\"?([0-9]{1,9})\"?\s*(?:$|[,;])", re.IGNORECASE)


def caller(request: Request, tokens: Tokens | None, scope: Scope) -> Caller:
    """Who calls, with `scope` allowed; everybody on a stage without tokens.

    An administrator may act for another owner: `?owner=`.
    Raises: Unauthorized, Forbidden, Invalid, Unavailable.
    """
    known = ANYBODY if tokens is None else tokens.caller(request.headers.get("authorization"))
    known.require(scope)
    return known.acting_for(wanted_owner(_query(request)))


def wanted_owner(query: Mapping[str, str]) -> str | None:
    """The owner that a query names, for whom an administrator acts. Raises: Invalid."""
    owner = query.get("owner")
    if owner is not None and not is_owner(owner):
        raise Invalid(
            "The query is not valid.", (FieldError(pointer="/owner", message="this names no owner"),)
        )
    return owner


def correlation_id(request: Request) -> str:
    """The caller's X-Correlation-Id, when it is fit for logs; else the request's own id."""
    given = request.headers.get("x-correlation-id", "")
    if is_correlation_id(given):
        return str(given)
    return str(request.context.get("requestId") or token_hex(16))


def new_task(request: Request) -> NewTask:
    """The task in the body. Raises: Malformed, TooLarge, UnsupportedMediaType, Invalid."""
    return asked.validated(asked.TaskRequest, _body(request)).new_task()


def new_tasks(request: Request) -> list[NewTask | Exception]:
    """The tasks in the body, each one or what is wrong with it.

    Raises: Malformed, TooLarge, UnsupportedMediaType, Invalid for the batch itself.
    """
    if request.headers.get("idempotency-key") is not None:
        detail = "A batch takes no Idempotency-Key: send the tasks that need one by POST /tasks."
        raise Malformed(detail)
    batch = asked.validated(asked.BatchRequest, _body(request))
    return [_each(plain) for plain in batch.tasks]


def _each(plain: Any) -> NewTask | Exception:
    try:
        return asked.validated(asked.TaskRequest, plain).new_task()
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
    """The seconds to wait for a task (`Prefer: wait=5`, RFC 7240), as far as they are granted.

    None when there is no such preference, or none that can be read: preferences are no demands.
    """
    found = _WAIT.search(request.headers.get("prefer", "")[:1000])
    return None if found is None else min(int(found[1]), LONGEST_WAIT_SECONDS)


def wanted_watch(request: Request) -> Watch:
    """What a ticket is to allow: everything, when the body does not say. Raises: Malformed, Invalid."""
    body = asked.validated(asked.TicketRequest, _body(request) if request.raw_body else {})
    watch = Watch.parse(body.watch)
    if watch.scope == "none":  # it would allow no subscription either
        message = "a ticket for nothing is of no use: take one for all, and connect with watch=none"
        raise Invalid("The ticket is not valid.", (FieldError(pointer="/watch", message=message),))
    return watch


def pause_reason(request: Request) -> str | None:
    """Why a task type is to be paused, if the body says so. Raises: Malformed, Invalid."""
    return asked.validated(asked.PauseRequest, _body(request) if request.raw_body else {}).reason


def list_query(request: Request) -> asked.ListQuery:
    """What a list is to hold. Raises: Invalid."""
    return asked.validated(asked.ListQuery, _but_owner(_query(request)))


def redrive(request: Request) -> asked.RedriveRequest:
    """The redrive in the body. Raises: Malformed, TooLarge, UnsupportedMediaType, Invalid."""
    return asked.validated(asked.RedriveRequest, _body(request))


def page_query(request: Request) -> asked.PageQuery:
    """Which page is wanted. Raises: Invalid."""
    return asked.validated(asked.PageQuery, _but_owner(_query(request)))


def dead_letter_query(request: Request) -> asked.DeadLetterQuery:
    """Which dead letters are wanted. Raises: Invalid."""
    return asked.validated(asked.DeadLetterQuery, _but_owner(_query(request)))


def stats_query(request: Request) -> asked.StatsQuery:
    """Which minutes are wanted. Raises: Invalid."""
    return asked.validated(asked.StatsQuery, _but_owner(_query(request)))


def single_valued(query: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """The query with the one value of each name. Raises: Invalid when one has several."""
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


def _but_owner(query: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in query.items() if name != "owner"}


def _body(request: Request) -> Any:
    """The JSON in the body. Raises: UnsupportedMediaType, TooLarge, Malformed."""
    content_type = request.headers.get("content-type", "application/json")
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise errors.UnsupportedMediaType(f"The body is {content_type[:100]!r}: send application/json.")
    raw = request.raw_body
    if len(raw) > BODY_LIMIT_BYTES:
        raise TooLarge(f"The body has {len(raw)} bytes: at most {BODY_LIMIT_BYTES} are taken.")
    try:
        body = json.loads(raw, parse_constant=_refuse_constant, object_pairs_hook=_each_key_once)
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


def _each_key_once(members: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object; JSON leaves open which of two values counts, so nobody can have meant that."""
    found = dict(members)
    if len(found) < len(members):
        counts = Counter(name for name, _ in members)
        twice = next(name for name, count in counts.items() if count > 1)
        raise Malformed(f"The body has the key {twice[:100]!r} more than once in one object.")
    return found


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
