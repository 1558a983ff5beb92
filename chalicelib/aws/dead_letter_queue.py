"""The queue that both lanes' dead letters meet in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from chalicelib.aws.task_queue import QueueUrls, queue_depth
from chalicelib.aws.task_row import moment
from chalicelib.domain.dead_letters import DeadLetter, DeadMessage

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageTypeDef

    from chalicelib.aws.sdk.protocols import SQS

QUEUE = "dead-letters"
_BATCH = 10


class DeadLetterQueue:
    """Dead letters on their way to the monitor."""

    def __init__(self, client: SQS, urls: QueueUrls, poll_seconds: int) -> None:
        self._client = client
        self._urls = urls
        self._poll_seconds = poll_seconds

    def send(self, letter: DeadLetter) -> None:
        """Report a death. Sending twice is harmless: the letter's key is the same."""
        self._client.send_message(
            QueueUrl=self._urls[QUEUE],
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
            QueueUrl=self._urls[QUEUE],
            MessageBody=body,
            MessageAttributes={"original_message_id": {"DataType": "String", "StringValue": message_id}},
        )

    def receive(self) -> Iterator[list[DeadMessage]]:
        """Batches of what waits, until nothing does. A message stays until `delete`."""
        while True:
            answer = self._client.receive_message(
                QueueUrl=self._urls[QUEUE],
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
                QueueUrl=self._urls[QUEUE],
                Entries=[
                    {"Id": str(number), "ReceiptHandle": message.receipt_handle}
                    for number, message in enumerate(messages[start : start + _BATCH])
                ],
            )
            failed += len(answer.get("Failed", []))
        return failed

    def depth(self) -> dict[str, int]:
        """About how many dead letters wait for the monitor."""
        return queue_depth(self._client, self._urls[QUEUE])


def _original_id(message: MessageTypeDef) -> str | None:
    attributes = message.get("MessageAttributes") or {}
    return (
        attributes["original_message_id"].get("StringValue") if "original_message_id" in attributes else None
    )
