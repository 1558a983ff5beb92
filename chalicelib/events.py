"""Events of queue, stream, schedule and WebSocket, in and out."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from chalice.app import Request, Response, WebsocketEvent

from chalicelib.api import correlation_id
from chalicelib.aws.task_row import from_row, is_task_row
from chalicelib.domain.errors import Invalid
from chalicelib.domain.messages import QueueMessage
from chalicelib.domain.task import Task
from chalicelib.observability import Metrics, bound, log
from chalicelib.services.connections import Connections
from chalicelib.services.realtime import Change
from chalicelib.settings import OWNER


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


def queue_messages(event: Mapping[str, Any]) -> list[QueueMessage]:
    """The messages of an SQS event."""
    return [
        QueueMessage(message_id=each["messageId"], receipt_handle=each["receiptHandle"], body=each["body"])
        for each in event["Records"]
    ]


def batch_response(kept: Sequence[str]) -> dict[str, Any]:
    """Tells SQS which messages are not done (a partial batch response)."""
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in kept]}


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


def connected(event: WebsocketEvent, connections: Connections) -> Response:
    """Answer a `$connect`: 200, 400 for a wrong query, 503 when it could not be stored."""
    try:
        connections.connect(event.connection_id, OWNER, _query(event.to_dict()))
    except Invalid as error:
        log.info(
            "Connection refused", action="connection_refused", reason=[each.message for each in error.errors]
        )
        return Response("", status_code=400)
    except Exception:  # an exception here would reach the client as a 502
        log.exception("Connection failed", action="connection_failed")
        return Response("", status_code=503)
    return Response("", status_code=200)


def _query(event: Mapping[str, Any]) -> dict[str, str]:
    """The query string of a `$connect`."""
    return dict(event.get("queryStringParameters") or {})
