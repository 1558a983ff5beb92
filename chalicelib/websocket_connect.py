"""`$connect` of the WebSocket API: authenticates the caller before the connection is accepted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from chalice.app import Response, WebsocketEvent

from chalicelib.domain.caller import ANYBODY
from chalicelib.domain.errors import TaskServiceError
from chalicelib.http.problems import problem
from chalicelib.http.requests import owner_in_query, single_valued
from chalicelib.observability import log

if TYPE_CHECKING:
    from chalicelib.bootstrap import Services


def connected(event: WebsocketEvent, services: Services) -> Response:
    """The response to a `$connect`: 200, or the status of the error."""
    try:
        _connect(event.connection_id, event.to_dict(), services)
    except TaskServiceError as error:
        log.warning("Connection refused", action="request_refused", code=error.code, reason=str(error))
        return Response("", status_code=problem(error)["status"])
    except Exception:  # an exception here would reach the client as a 502
        log.exception("Connection failed", action="connection_failed")
        return Response("", status_code=503)
    return Response("", status_code=200)


def _connect(connection_id: str, event: Mapping[str, Any], services: Services) -> None:
    """Store the connection of a caller with a ticket or an Authorization header.

    Browsers need the ticket, because they cannot send the header. An administrator may act for another
    owner: `?owner=`. Raises: TaskServiceError.
    """
    query = _query(event)
    if "ticket" in query:
        ticket = services.ticket_issuer.verify(query["ticket"])
        services.connections.connect_with_ticket(connection_id, ticket, query)
        return
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    caller = ANYBODY if services.tokens is None else services.tokens.caller(headers.get("authorization"))
    services.connections.connect(connection_id, caller.acting_for(owner_in_query(query)), query)


def _query(event: Mapping[str, Any]) -> dict[str, str]:
    """The query string of a `$connect`. Raises: Invalid."""
    return single_valued(event.get("multiValueQueryStringParameters") or {}) | (
        event.get("queryStringParameters") or {}
    )
