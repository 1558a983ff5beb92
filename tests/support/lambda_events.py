"""Lambda as the functions of app.py see it: its context, the events of AWS, and the result of a delivery."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class LambdaContext:
    """The part of Lambda's context that the handlers use."""

    milliseconds: int = 120_000
    function_name: str = "test"
    aws_request_id: str = "request-1"

    def get_remaining_time_in_millis(self) -> int:
        return self.milliseconds


@dataclass(frozen=True)
class Delivery:
    """The result of queue messages that were delivered to a function."""

    kept: tuple[str, ...]  #: ids of messages that SQS keeps and delivers again

    @classmethod
    def of(cls, response: Mapping[str, Any]) -> Delivery:
        """The delivery that a handler answered with `response`."""
        return cls(tuple(each["itemIdentifier"] for each in response["batchItemFailures"]))

    @property
    def acknowledged(self) -> bool:
        """True when SQS deletes all of the messages."""
        return not self.kept


def http_event(
    method: str,
    route: str,
    body: Any = None,
    *,
    headers: Mapping[str, str] | None = None,
    parameters: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
    request_id: str = "request-1",
) -> dict[str, Any]:
    """A request as API Gateway passes it on; `parameters` fill the braces of the route."""
    sent = {"content-type": "application/json", **(headers or {})}
    return {
        "resource": route,
        "path": route.format_map(parameters or {}),
        "httpMethod": method,
        "headers": sent,
        "multiValueHeaders": {name: [value] for name, value in sent.items()},
        "multiValueQueryStringParameters": {name: [value] for name, value in (query or {}).items()} or None,
        "pathParameters": dict(parameters) if parameters else None,
        "stageVariables": None,
        "requestContext": {
            "resourcePath": route,
            "httpMethod": method,
            "requestId": request_id,
            "identity": {"sourceIp": "127.0.0.1"},
        },
        "body": None if body is None else json.dumps(body),
        "isBase64Encoded": False,
    }


def websocket_event(kind: str, connection_id: str, request_id: str = "request-1") -> dict[str, Any]:
    """The event of a connection that opens (CONNECT), sends (MESSAGE) or closes (DISCONNECT)."""
    return {
        "requestContext": {
            "eventType": kind,
            "connectionId": connection_id,
            "domainName": "test.example",
            "apiId": "api1",
            "stage": "test",
            "requestId": request_id,
        },
        "isBase64Encoded": False,
    }


def queue_event(messages: Iterable[tuple[str, str, str]]) -> dict[str, Any]:
    """The event of an SQS mapping for messages of (id, receipt handle, body)."""
    return {
        "Records": [
            {
                "messageId": message_id,
                "receiptHandle": receipt_handle,
                "body": body,
                "attributes": {"ApproximateReceiveCount": "1"},
                "eventSource": "aws:sqs",
            }
            for message_id, receipt_handle, body in messages
        ]
    }


def schedule_event(name: str) -> dict[str, Any]:
    """The event of the schedule called `name`."""
    return {
        "version": "0",
        "account": "123456789012",
        "region": "us-east-1",
        "detail": {},
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "time": "2026-01-01T00:00:00Z",
        "id": "event-1",
        "resources": [f"arn:aws:events:us-east-1:123456789012:rule/{name}"],
    }
