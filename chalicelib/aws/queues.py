"""The stage's queues: the two lanes, whose messages wake workers, and the dead letters."""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from chalicelib.aws.dynamodb.task_row import moment
from chalicelib.domain.dead_letters import DeadLetter, DeadMessage
from chalicelib.domain.formats import to_json
from chalicelib.domain.task import Task

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef, SendMessageBatchRequestEntryTypeDef

#: The name of the dead letter queue, as `QueueUrls` knows it.
DEAD_LETTERS = "dead-letters"
_BATCH = 10


class QueueUrls:
    """URLs of the stage's queues, each asked for once."""

    def __init__(self, client: SQSClient, names: Mapping[str, str]) -> None:
        self._client = client
        self._names = names
        self._urls: dict[str, str] = {}

    def __getitem__(self, name: str) -> str:
        if name not in self._urls:
            self._urls[name] = self._client.get_queue_url(QueueName=self._names[name])["QueueUrl"]
        return self._urls[name]


class TaskQueue:
    """Sends wake-up messages. Losing or doubling one delays a task at most: the row is the truth."""

    def __init__(self, client: SQSClient, urls: QueueUrls) -> None:
        self._client = client
        self._urls = urls

    def send(self, task: Task, lane: str, delay_seconds: float = 0) -> None:
        """Wake a worker of `lane` for `task`, after `delay_seconds` (SQS takes SEND_AHEAD at most)."""
        self._client.send_message(
            QueueUrl=self._urls[lane],
            MessageBody=_body(task),
            MessageGroupId=_group(task),
            DelaySeconds=_whole(delay_seconds),
        )

    def send_many(self, wakes: Sequence[tuple[Task, str, float]]) -> int:
        """Wake workers for many (task, lane, delay); how many messages could not be sent is answered."""
        lanes: defaultdict[str, list[SendMessageBatchRequestEntryTypeDef]] = defaultdict(list)
        for number, (task, lane, delay) in enumerate(wakes):
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
        """Let the received message come back after `seconds`. A hint: the row decides whether it may run."""
        self._client.change_message_visibility(
            QueueUrl=self._urls[lane], ReceiptHandle=receipt_handle, VisibilityTimeout=_whole(seconds)
        )

    def depth(self, lane: str) -> dict[str, int]:
        """About how many messages are ready, delayed and being worked on."""
        return queue_depth(self._client, self._urls[lane])


class DeadLetterQueue:
    """Dead letters on their way to the monitor."""

    def __init__(self, client: SQSClient, urls: QueueUrls, poll_seconds: int) -> None:
        self._client = client
        self._urls = urls
        self._poll_seconds = poll_seconds

    def send(self, letter: DeadLetter) -> None:
        """Report a death. Sending twice is harmless: the letter's key is the same."""
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
        """Keep a message that is not ours, under the id it came with."""
        self._client.send_message(
            QueueUrl=self._urls[DEAD_LETTERS],
            MessageBody=body,
            MessageAttributes={"original_message_id": {"DataType": "String", "StringValue": message_id}},
        )

    def receive(self) -> Iterator[list[DeadMessage]]:
        """Batches of what waits, until nothing does. A message stays until `delete`."""
        while True:
            answer = self._client.receive_message(
                QueueUrl=self._urls[DEAD_LETTERS],
                MaxNumberOfMessages=_BATCH,
                # Without a wait SQS asks some of its servers only, and a few messages look like none.
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
                    sent_at=moment(message["Attributes"]["SentTimestamp"]),
                    original_message_id=_original_id(message),
                )
                for message in messages
            ]

    def delete(self, messages: Sequence[DeadMessage]) -> int:
        """Remove messages whose records are stored; how many could not be removed (they come again)."""
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
        """About how many dead letters wait for the monitor."""
        return queue_depth(self._client, self._urls[DEAD_LETTERS])


def queue_depth(client: SQSClient, url: str) -> dict[str, int]:
    """About how many messages of a queue are ready, delayed and in flight."""
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
    """Names the owner to a fair queue: one with many messages does not keep the others waiting.

    A hash, because a group's name has fewer characters to choose from than an owner's.
    """
    return hashlib.sha256(task.owner.encode()).hexdigest()[:32]


def _whole(seconds: float) -> int:
    """SQS counts whole seconds; rounding up keeps a message from coming before its row allows the start."""
    return max(0, math.ceil(seconds))


def _original_id(message: MessageTypeDef) -> str | None:
    attributes = message.get("MessageAttributes") or {}
    return (
        attributes["original_message_id"].get("StringValue") if "original_message_id" in attributes else None
    )
