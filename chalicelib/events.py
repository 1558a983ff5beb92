"""Events of queue, stream, schedule and WebSocket, in and out."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from chalice.app import Request, Response, WebsocketEvent

from chalicelib.api import correlation_id, single_valued, wanted_owner
from chalicelib.aws.task_row import from_row, is_task_row
from chalicelib.domain import messages
from chalicelib.domain.caller import ANYBODY
from chalicelib.domain.errors import TaskServiceError
from chalicelib.domain.task import Task
from chalicelib.observability import Metrics, bound, log
from chalicelib.problems import problem
from chalicelib.services.realtime import Change

if TYPE_CHECKING:
    from chalicelib.bootstrap import Services


def observed(event: Any, get_response: Callable[[Any], Any], metrics: Metrics) -> Any:
    """Handle an event with its ids on every log line, log it as one line, and print the metrics."""
    started = time.monotonic()
    with bound(**_trace(event)):
        try:
            response = get_response(event)
            took = round((time.monotonic() - started) * 1000)
            status = {"status": response.status_code} if isinstance(response, Response) else {}
            log.info("Invocation finished", action="invocation_finished", duration_ms=took, **status)
            return response
        finally:
            metrics.flush()


def _trace(event: Any) -> dict[str, Any]:
    if isinstance(event, Request):
        return {
            "function": "api",
            "request_id": event.context.get("requestId"),
            "correlation_id": correlation_id(event),
            "method": event.method,
            "path": event.path,
        }
    context = event.context
    return {
        "function": getattr(context, "function_name", None),
        "request_id": getattr(context, "aws_request_id", None),
    }


def ends_at(context: Any, now: datetime) -> datetime:
    """When Lambda ends this invocation."""
    return now + timedelta(milliseconds=context.get_remaining_time_in_millis())


def queue_messages(event: Mapping[str, Any]) -> list[messages.QueueMessage]:
    """The messages of an SQS event."""
    return [
        messages.QueueMessage(
            message_id=each["messageId"], receipt_handle=each["receiptHandle"], body=each["body"]
        )
        for each in event["Records"]
    ]


def batch_response(kept: Sequence[str]) -> dict[str, Any]:
    """Tells SQS which messages are not done (a partial batch response)."""
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in kept]}


def batch_id(event: Mapping[str, Any]) -> str:
    """The same for every copy of a stream batch."""
    return "-".join(str(record.get("eventID")) for record in event["Records"])


def changes(event: Mapping[str, Any]) -> tuple[list[Change], list[Task]]:
    """What a stream event tells of tasks: changes in order, and tasks whose rows are gone.

    A record that cannot be read is logged and left out: it must not block the ones behind it.
    """
    changed: list[Change] = []
    removed: list[Task] = []
    for record in event["Records"]:
        try:
            stream = record["dynamodb"]
            if not is_task_row(stream["Keys"]):
                continue
            previous = from_row(stream["OldImage"]) if "OldImage" in stream else None
            if "NewImage" in stream:
                changed.append(Change(task=from_row(stream["NewImage"]), previous=previous))
            elif previous is not None:
                removed.append(previous)
        except Exception:  # whatever is wrong with it, the stream must go on
            log.exception("Stream record skipped", action="record_skipped", event_id=record.get("eventID"))
    return changed, removed


def connected(event: WebsocketEvent, services: Services) -> Response:
    """Answer a `$connect`: 200; 401, 403, 422 or 429 for who may not, or asks for what is not; 503."""
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
    """By ticket, which browsers need; or by an Authorization header, which other clients can send.

    An administrator may connect for another owner, as in HTTP.
    """
    query = _query(event)
    if "ticket" in query:
        ticket = services.box_office.take(query["ticket"])
        services.connections.connect_with_ticket(connection_id, ticket, query)
        return
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    caller = ANYBODY if services.tokens is None else services.tokens.caller(headers.get("authorization"))
    services.connections.connect(connection_id, caller.acting_for(wanted_owner(query)), query)


def _query(event: Mapping[str, Any]) -> dict[str, str]:
    """The query string of a `$connect`. Raises: Invalid."""
    return single_valued(event.get("multiValueQueryStringParameters") or {}) | (
        event.get("queryStringParameters") or {}
    )
