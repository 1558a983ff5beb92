"""Reads the events of SQS and DynamoDB streams, and writes the response to SQS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from chalicelib.aws.dynamodb.task_row import from_row, is_task_row
from chalicelib.domain import messages
from chalicelib.domain.change import Change
from chalicelib.domain.task import Task
from chalicelib.observability import log


def ends_at(context: Any, now: datetime) -> datetime:
    """The time at which Lambda ends this invocation."""
    return now + timedelta(milliseconds=context.get_remaining_time_in_millis())


def queue_messages(event: Mapping[str, Any]) -> list[messages.QueueMessage]:
    """The messages of an SQS event."""
    return [
        messages.QueueMessage(
            message_id=each["messageId"], receipt_handle=each["receiptHandle"], body=each["body"]
        )
        for each in event["Records"]
    ]


def batch_response(message_ids: Sequence[str]) -> dict[str, Any]:
    """The partial batch response that makes SQS keep these messages."""
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in message_ids]}


def batch_id(event: Mapping[str, Any]) -> str:
    """The id of a stream batch, the same for each of its deliveries."""
    return "-".join(str(record.get("eventID")) for record in event["Records"])


def changes(event: Mapping[str, Any]) -> tuple[list[Change], list[Task]]:
    """The task changes of a stream event in order, and the tasks whose rows were removed.

    An unreadable record is logged and skipped, because it must not block the records after it.
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
        except Exception:  # one record must not block the stream
            log.exception("Stream record skipped", action="record_skipped", event_id=record.get("eventID"))
    return changed, removed
