"""Tasks that failed for good, their dead letters and alerts."""

from __future__ import annotations

import json
from typing import Any

import pytest

from testing.kit import Kit
from tests.support.aws_state import items, take_messages
from tests.support.aws_wire import Crash, Wire
from tests.support.handlers import Handlers
from tests.support.scripted_types import Script


class Alerts:
    """A queue that is subscribed to the alert topic, as a person's mailbox is."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit
        sqs, sns = kit.client("sqs"), kit.client("sns")
        url = sqs.create_queue(QueueName=kit.settings.resource("mailbox"))["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        topic = sns.create_topic(Name=kit.settings.resource("alerts"))["TopicArn"]
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)

    def take(self) -> list[str]:
        """The texts of the alerts since the last call."""
        return [json.loads(message["Body"])["Message"] for message in take_messages(self._kit, "mailbox")]


def failed_task(kit: Kit, handlers: Handlers, script: Script, message: str = "it broke") -> dict[str, Any]:
    """A task that failed and whose dead letter waits for the monitor."""
    script.raises(ValueError(message))
    task = kit.create("test.fast", max_attempts=1)
    handlers.run(task)
    return kit.get(task["id"])


def fail_before_dead_letter(kit: Kit, handlers: Handlers, script: Script, task: dict[str, Any]) -> None:
    """Fail a task for good and crash before its dead letter is sent."""
    script.raises(ValueError("unsent"))
    Wire(kit.services).crash_before("SendMessage")
    with pytest.raises(Crash):
        handlers.run(task)


def records(kit: Kit) -> dict[str, str]:
    """The kind of each recorded dead letter by its key."""
    return {item["sk"]["S"]: item["kind"]["S"] for item in items(kit, "tasks", "dead#")}


def queue_depth(kit: Kit) -> int:
    """The number of messages in the dead-letter queue, including those in flight."""
    return sum(kit.services.adapters.dead_letter_queue.depth().values())


def end_visibility_timeouts(kit: Kit, wire: Wire) -> None:
    """Make the received messages visible again."""
    sqs = kit.client("sqs")
    url = sqs.get_queue_url(QueueName=kit.settings.resource("dead-letters"))["QueueUrl"]
    for receipt in wire.receipts:
        sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=receipt, VisibilityTimeout=0)
    wire.receipts.clear()
