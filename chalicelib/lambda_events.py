"""Events of queue and stream, in and out."""

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
