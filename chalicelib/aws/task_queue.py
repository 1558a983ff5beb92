"""The two lanes' queues: messages that name a row and wake a worker."""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from chalicelib.domain.documents import to_json
from chalicelib.domain.task import Task

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

    from chalicelib.aws.sdk.protocols import SQS

_BATCH = 10


class QueueUrls:
    """URLs of the stage's queues, each asked for once."""

    def __init__(self, client: SQS, names: Mapping[str, str]) -> None:
        self._client = client
        self._names = names
        self._urls: dict[str, str] = {}

    def __getitem__(self, name: str) -> str:
        if name not in self._urls:
            self._urls[name] = self._client.get_queue_url(QueueName=self._names[name])["QueueUrl"]
        return self._urls[name]


class TaskQueue:
    """Sends wake-up messages. Losing or doubling one delays a task at most: the row is the truth."""

    def __init__(self, client: SQS, urls: QueueUrls) -> None:
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


def queue_depth(client: SQS, url: str) -> dict[str, int]:
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
