"""Simulated SQS: at least once, unordered, with visibility, delays, receive counts and dead letters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from chalicelib.aws.sdk.transport import Response
from tests.simulation.calls import answer_json, failure
from tests.simulation.scheduler import Scheduler
from tests.support.aws_requests import AwsCall

MAX_RECEIVE_COUNT = 10
SECOND = 1000
#: How long a queue keeps a message.
RETENTION = 4 * 86_400 * SECOND


@dataclass(slots=True)
class Message:
    """A message in a queue."""

    id: str
    body: str
    attributes: dict[str, Any]
    sent_at: int
    visible_at: int
    received: int = 0
    receipt: str = ""  #: of the last delivery


@dataclass(kw_only=True)
class Queue:
    """One queue."""

    name: str
    visibility: int
    scheduler: Scheduler
    dead: Queue | None = None
    on_arrival: Callable[[], None] = lambda: None
    messages: list[Message] = field(default_factory=list)
    count: int = 0

    def send(self, body: str, attributes: dict[str, Any] | None = None, delay: int = 0) -> str:
        """Send a message. Returns its id."""
        self.count += 1
        now = self.scheduler.now
        message = Message(f"{self.name}-{self.count}", body, attributes or {}, now, now + delay)
        self.put(message)
        return message.id

    def put(self, message: Message) -> None:
        """Put a message into the queue."""
        self.messages.append(message)
        self._notify(message)

    def take(self, most: int) -> list[Message]:
        """Receive up to `most` visible messages. One received too often moves to the dead letter queue."""
        taken: list[Message] = []
        for message in [each for each in self.messages if each.visible_at <= self.scheduler.now]:
            if message.received >= MAX_RECEIVE_COUNT and self.dead is not None:
                self.messages.remove(message)
                self.dead.put(
                    Message(message.id, message.body, message.attributes, message.sent_at, self.scheduler.now)
                )
            elif len(taken) < most:
                message.received += 1
                message.receipt = f"{message.id}/{message.received}"
                message.visible_at = self.scheduler.now + self.visibility
                self._notify(message)
                taken.append(message)
        return taken

    def delete(self, receipt: str) -> Message | None:
        """Delete the message of a receipt, unless it was delivered again meanwhile."""
        for message in self.messages:
            if message.receipt == receipt:
                self.messages.remove(message)
                return message
        return None

    def show_in(self, receipt: str, delay: int) -> bool:
        """Make a message in flight visible after `delay` milliseconds."""
        for message in self.messages:
            if message.receipt == receipt and message.visible_at > self.scheduler.now:
                message.visible_at = self.scheduler.now + delay
                self._notify(message)
                return True
        return False

    def _notify(self, message: Message) -> None:
        self.scheduler.at(message.visible_at, self.on_arrival)


class Sqs:
    """The stage's queues and the responses of SQS."""

    def __init__(self, scheduler: Scheduler, prefix: str, chance: Callable[[str], int]) -> None:
        self.dead = Queue(name="dead-letters", visibility=300 * SECOND, scheduler=scheduler)
        self.fast = Queue(name="fast", visibility=720 * SECOND, scheduler=scheduler, dead=self.dead)
        self.long = Queue(name="long", visibility=5400 * SECOND, scheduler=scheduler, dead=self.dead)
        self.sent: list[tuple[int, str, str]] = []  #: (time, queue, body) of every message
        self._by_url = {f"https://sqs/{prefix}{each.name}": each for each in self.all}
        self._scheduler = scheduler
        self._chance = chance

    @property
    def all(self) -> tuple[Queue, Queue, Queue]:
        return self.fast, self.long, self.dead

    def answer(self, request: AwsCall) -> Response:
        """The response to one request."""
        data = request.parameters
        if request.operation == "GetQueueUrl":
            return answer_json({"QueueUrl": f"https://sqs/{data['QueueName']}"})
        queue = self._by_url[data["QueueUrl"]]
        answers: dict[str, Callable[[Queue, dict[str, Any]], Response]] = {
            "SendMessage": self._send,
            "SendMessageBatch": self._send_batch,
            "ReceiveMessage": self._receive,
            "DeleteMessageBatch": self._delete,
            "ChangeMessageVisibility": self._show,
        }
        return answers[request.operation](queue, data)

    def _send(self, queue: Queue, data: dict[str, Any]) -> Response:
        message_id = self._arrive(queue, data)
        return answer_json({"MessageId": message_id, "MD5OfMessageBody": "0" * 32})

    def _send_batch(self, queue: Queue, data: dict[str, Any]) -> Response:
        done, failed = [], []
        for entry in data["Entries"]:
            if self._chance("entry of a batch fails"):
                failed.append({"Id": entry["Id"], "SenderFault": False, "Code": "InternalError"})
            else:
                message_id = self._arrive(queue, entry)
                done.append({"Id": entry["Id"], "MessageId": message_id, "MD5OfMessageBody": "0" * 32})
        return answer_json({"Successful": done, "Failed": failed})

    def _arrive(self, queue: Queue, data: dict[str, Any]) -> str:
        """Deliver a message, or lose, double or delay it, as the plan decides."""
        body, delay = data["MessageBody"], data.get("DelaySeconds", 0) * SECOND
        self.sent.append((self._scheduler.now, queue.name, body))
        if queue is not self.dead and self._chance("message lost"):
            return "lost"
        delay += self._chance("message late")
        attributes = data.get("MessageAttributes", {})
        if self._chance("message doubled"):
            queue.send(body, attributes, delay + self._chance("message late"))
        return queue.send(body, attributes, delay)

    def _receive(self, queue: Queue, data: dict[str, Any]) -> Response:
        found = queue.take(data.get("MaxNumberOfMessages", 1))
        messages = [
            {
                "MessageId": each.id,
                "ReceiptHandle": each.receipt,
                "Body": each.body,
                "Attributes": {"SentTimestamp": str(epoch_milliseconds(each.sent_at))},
                "MessageAttributes": each.attributes,
            }
            for each in found
        ]
        return answer_json({"Messages": messages} if messages else {})

    def _delete(self, queue: Queue, data: dict[str, Any]) -> Response:
        for entry in data["Entries"]:
            queue.delete(entry["ReceiptHandle"])
        return answer_json({"Successful": [{"Id": entry["Id"]} for entry in data["Entries"]], "Failed": []})

    def _show(self, queue: Queue, data: dict[str, Any]) -> Response:
        if queue.show_in(data["ReceiptHandle"], data["VisibilityTimeout"] * SECOND):
            return answer_json({})
        return failure(400, "MessageNotInflight", "sqs")


#: The start of every simulated world: 2026-01-01T00:00:00Z.
BEGINNING = 1_767_225_600_000


def epoch_milliseconds(moment: int) -> int:
    """A moment of the simulation in epoch milliseconds."""
    return BEGINNING + moment
