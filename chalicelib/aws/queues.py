"""The stage's queues: the two lanes, whose messages wake workers, and the dead letters."""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from chalicelib.aws.dynamodb.items import from_milliseconds
from chalicelib.domain.dead_letters import DeadLetter, DeadMessage
from chalicelib.domain.formats import to_json
from chalicelib.domain.task import Task

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageTypeDef, SendMessageBatchRequestEntryTypeDef

    from chalicelib.aws.sdk.protocols import SQS

#: The name of the dead letter queue, as `QueueUrls` knows it.
DEAD_LETTERS = "dead-letters"
_BATCH = 10


class QueueUrls:
    """The URLs of the stage's queues, each read once."""

    def __init__(self, client: SQS, names: Mapping[str, str]) -> None:
        self._client = client
        self._names = names
        self._urls: dict[str, str] = {}

    def __getitem__(self, name: str) -> str:
        if name not in self._urls:
            self._urls[name] = self._client.get_queue_url(QueueName=self._names[name])["QueueUrl"]
        return self._urls[name]


class TaskQueue:
    """Sends task messages. A lost or doubled one only delays a task: the row decides."""

    def __init__(self, client: SQS, urls: QueueUrls) -> None:
        self._client = client
        self._urls = urls

    def send(self, task: Task, lane: str, delay_seconds: float = 0) -> None:
        """Send a message for `task` to `lane`, delayed by `delay_seconds` (at most SEND_AHEAD)."""
        self._client.send_message(
            QueueUrl=self._urls[lane],
            MessageBody=_body(task),
            MessageGroupId=_group(task),
            DelaySeconds=_whole(delay_seconds),
        )

    def send_many(self, messages: Sequence[tuple[Task, str, float]]) -> int:
        """Send messages for (task, lane, delay in seconds). Returns the number that could not be sent."""
        lanes: defaultdict[str, list[SendMessageBatchRequestEntryTypeDef]] = defaultdict(list)
        for number, (task, lane, delay) in enumerate(messages):
            lanes[lane].append(
                {
                    "Id": str(number),
                    "MessageBody": _body(task),
                    "MessageGroupId": _group(task),
                    "DelaySeconds": _whole(delay),
                }
            )
        failed = 0
        for lane, entries in lanes.items():
            for start in range(0, len(entries), _BATCH):
                answer = self._client.send_message_batch(
                    QueueUrl=self._urls[lane], Entries=entries[start : start + _BATCH]
                )
                failed += len(answer.get("Failed", []))
        return failed

    def show_again_in(self, lane: str, receipt_handle: str, seconds: float) -> None:
        """Let a received message return after `seconds`. The row decides whether the task may run."""
        self._client.change_message_visibility(
            QueueUrl=self._urls[lane], ReceiptHandle=receipt_handle, VisibilityTimeout=_whole(seconds)
        )

    def depth(self, lane: str) -> dict[str, int]:
        """The approximate numbers of messages that are ready, delayed and in flight."""
        return queue_depth(self._client, self._urls[lane])


class DeadLetterQueue:
    """The queue of dead letters, which the monitor receives."""

    def __init__(self, client: SQS, urls: QueueUrls, poll_seconds: int) -> None:
        self._client = client
        self._urls = urls
        self._poll_seconds = poll_seconds

    def send(self, letter: DeadLetter) -> None:
        """Send a dead letter. Sending it twice is harmless: its key is the same."""
        self._client.send_message(
            QueueUrl=self._urls[DEAD_LETTERS],
            MessageBody=letter.body(),
            MessageAttributes={
                "task_id": {"DataType": "String", "StringValue": letter.task_id},
                "redrive_count": {"DataType": "Number", "StringValue": str(letter.redrive_count)},
                "error_kind": {"DataType": "String", "StringValue": letter.error["kind"]},
            },
        )

    def quarantine(self, body: str, message_id: str) -> None:
        """Quarantine a message that is not a task message, under its id."""
        self._client.send_message(
            QueueUrl=self._urls[DEAD_LETTERS],
            MessageBody=body,
            MessageAttributes={"original_message_id": {"DataType": "String", "StringValue": message_id}},
        )

    def receive(self) -> Iterator[list[DeadMessage]]:
        """Batches of waiting messages, until none waits. A message stays until `delete`."""
        while True:
            answer = self._client.receive_message(
                QueueUrl=self._urls[DEAD_LETTERS],
                MaxNumberOfMessages=_BATCH,
                # Without a wait SQS asks only some of its servers, and may miss a few messages.
                WaitTimeSeconds=self._poll_seconds,
                MessageAttributeNames=["All"],
                MessageSystemAttributeNames=["SentTimestamp"],
            )
            messages = answer.get("Messages", [])
            if not messages:
                return
            yield [
                DeadMessage(
                    message_id=message["MessageId"],
                    receipt_handle=message["ReceiptHandle"],
                    body=message["Body"],
                    sent_at=from_milliseconds(message["Attributes"]["SentTimestamp"]),
                    original_message_id=_original_id(message),
                )
                for message in messages
            ]

    def delete(self, messages: Sequence[DeadMessage]) -> int:
        """Delete messages whose records are stored. Returns the number that failed (they come again)."""
        failed = 0
        for start in range(0, len(messages), _BATCH):
            answer = self._client.delete_message_batch(
                QueueUrl=self._urls[DEAD_LETTERS],
                Entries=[
                    {"Id": str(number), "ReceiptHandle": message.receipt_handle}
                    for number, message in enumerate(messages[start : start + _BATCH])
                ],
            )
            failed += len(answer.get("Failed", []))
        return failed

    def depth(self) -> dict[str, int]:
        """The approximate numbers of dead letters that are ready, delayed and in flight."""
        return queue_depth(self._client, self._urls[DEAD_LETTERS])


def queue_depth(client: SQS, url: str) -> dict[str, int]:
    """The approximate numbers of messages that are ready, delayed and in flight."""
    names: dict[str, Any] = {
        "ready": "ApproximateNumberOfMessages",
        "delayed": "ApproximateNumberOfMessagesDelayed",
        "in_flight": "ApproximateNumberOfMessagesNotVisible",
    }
    answer = client.get_queue_attributes(QueueUrl=url, AttributeNames=list(names.values()))
    return {name: int(answer["Attributes"][attribute]) for name, attribute in names.items()}


def _body(task: Task) -> str:
    message: dict[str, Any] = {"owner": task.owner, "id": task.id, "lease": task.lease}
    if task.correlation_id is not None:
        message["correlation_id"] = task.correlation_id
    return to_json(message)


def _group(task: Task) -> str:
    """The message group of the owner: a fair queue serves owners in turns.

    It is a hash, because a group name allows fewer characters than an owner's name.
    """
    return hashlib.sha256(task.owner.encode()).hexdigest()[:32]


def _whole(seconds: float) -> int:
    """SQS counts whole seconds. Rounded up, a message does not arrive before its task may start."""
    return max(0, math.ceil(seconds))


def _original_id(message: MessageTypeDef) -> str | None:
    attributes = message.get("MessageAttributes") or {}
    return (
        attributes["original_message_id"].get("StringValue") if "original_message_id" in attributes else None
    )
