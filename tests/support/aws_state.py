"""Reads and changes the state in AWS: rows, documents and messages."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from chalicelib.aws.dynamodb.task_row import from_row, row_key
from chalicelib.bootstrap import Services
from chalicelib.domain.task import Task
from testing.kit import Kit
from tests.support.aws_wire import Wire


def row(kit: Kit, task_id: str) -> Task:
    """The task with its internal fields."""
    table = kit.settings.resource("tasks")
    answer = kit.client("dynamodb").get_item(
        TableName=table, Key=row_key(kit.owner, task_id), ConsistentRead=True
    )
    return from_row(answer["Item"])


def documents(kit: Kit, task_id: str) -> list[str]:
    """The names of a task's separately stored documents."""
    answer = kit.client("dynamodb").query(
        TableName=kit.settings.resource("documents"),
        KeyConditionExpression="pk = :id",
        ExpressionAttributeValues={":id": {"S": task_id}},
    )
    return [item["sk"]["S"] for item in answer["Items"]]


def items(kit: Kit, table: str, prefix: str = "") -> list[dict[str, Any]]:
    """The rows of a table whose partition key starts with `prefix`."""
    rows: list[dict[str, Any]] = kit.client("dynamodb").scan(TableName=kit.settings.resource(table))["Items"]
    return [item for item in rows if item["pk"]["S"].startswith(prefix)]


def take_messages(kit: Kit, queue: str) -> list[dict[str, Any]]:
    """Receive and delete every message that a queue would deliver now."""
    sqs = kit.client("sqs")
    url = sqs.get_queue_url(QueueName=kit.settings.resource(queue))["QueueUrl"]
    messages: list[dict[str, Any]] = []
    while batch := sqs.receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
    ).get("Messages"):
        messages += batch
        for message in batch:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return messages


def send_message(kit: Kit, queue: str, body: str) -> str:
    """Send a message to a queue and return its id."""
    sqs = kit.client("sqs")
    url = sqs.get_queue_url(QueueName=kit.settings.resource(queue))["QueueUrl"]
    return str(sqs.send_message(QueueUrl=url, MessageBody=body)["MessageId"])


def sent_tasks(wire: Wire) -> list[tuple[str, int]]:
    """(task id, delay) of each message that the sweep sent."""
    entries = [entry for request in wire.sent("SendMessageBatch") for entry in request["Entries"]]
    return [(json.loads(entry["MessageBody"])["id"], entry["DelaySeconds"]) for entry in entries]


def send_messages(kit: Kit, queue: str, bodies: Sequence[str]) -> None:
    """Send many messages to a queue."""
    sqs = kit.client("sqs")
    url = sqs.get_queue_url(QueueName=kit.settings.resource(queue))["QueueUrl"]
    for start in range(0, len(bodies), 10):
        entries = [{"Id": str(i), "MessageBody": body} for i, body in enumerate(bodies[start : start + 10])]
        sqs.send_message_batch(QueueUrl=url, Entries=entries)


def kill_worker(kit: Kit, task: dict[str, Any]) -> None:
    """Claim a task and do nothing more, as a killed worker does."""
    claim(kit.services, kit, task["id"])


def claim(container: Services, kit: Kit, task_id: str) -> Task:
    """Claim a task as a worker in `container` does."""
    (claimed,) = container.adapters.task_table.claim_many(
        [(kit.owner, task_id, "another worker")], now=kit.clock(), margin=container.timing.lease_margin
    )
    assert isinstance(claimed, Task)
    return claimed


def break_row(kit: Kit, task_id: str) -> None:
    """Give a task a status that this code does not know."""
    kit.client("dynamodb").update_item(
        TableName=kit.settings.resource("tasks"),
        Key=row_key(kit.owner, task_id),
        UpdateExpression="SET #status = :status",
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues={":status": {"S": "of newer code"}},
    )
