"""The functions of app.py in this process, called as API Gateway and Lambda call them.

A loop takes the place of AWS's event source mappings, as in the workers of other task queues: the service is
measured, not the emulator's deliveries.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from typing import Any, Final

import app
from benchmarks.stage import OWNER, TASKS, BenchStage
from chalicelib import bootstrap
from chalicelib.bootstrap.services import Services
from tests.support.lambda_events import (
    Delivery,
    LambdaContext,
    http_event,
    queue_event,
    schedule_event,
    websocket_event,
)

#: Longer than the wait of any retry in these measurements.
_PATIENCE_SECONDS: Final = 5
_BATCH: Final = 10


CONTEXT: Final = LambdaContext(function_name="bench")


class Container:
    """One container of each function, all in this process and on the same services."""

    def __init__(self, stage: BenchStage, services: Services, owner: str = OWNER) -> None:
        self._token = stage.token(owner)
        self._queue: Any = services.adapters.clients.sqs
        self._url = self._queue.get_queue_url(QueueName=services.settings.resource("fast"))["QueueUrl"]
        self._observer: Any = stage.emulator.client("sqs")
        self._stream = _Stream(stage)
        bootstrap.install(services)

    # --- HTTP ---------------------------------------------------------------------------------------

    def call(
        self,
        method: str,
        route: str,
        body: Any = None,
        *,
        task_id: str | None = None,
        query: Mapping[str, str] | None = None,
    ) -> Any:
        """The body of the API's response. Raises: AssertionError for anything but success."""
        response = app.app(self.event(method, route, body, task_id=task_id, query=query), CONTEXT)
        assert response["statusCode"] < 300, response
        return json.loads(response["body"] or "null")

    def event(
        self,
        method: str,
        route: str,
        body: Any = None,
        *,
        task_id: str | None = None,
        query: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """The event that API Gateway makes of a request."""
        headers = {"authorization": f"Bearer {self._token}"}
        parameters = None if task_id is None else {"task_id": task_id}
        return http_event(method, route, body, headers=headers, parameters=parameters, query=query)

    # --- Queue --------------------------------------------------------------------------------------

    def run(self, tasks: int) -> None:
        """Receive, run and delete until `tasks` messages are done. Raises: TimeoutError without messages."""
        while tasks > 0:
            messages = self.receive()
            if not messages:
                raise TimeoutError(f"{tasks} messages did not arrive")
            tasks -= self.settle(messages)

    def receive(self, wait_seconds: int = _PATIENCE_SECONDS) -> list[dict[str, Any]]:
        """Up to ten messages, as soon as there are some; none after `wait_seconds`."""
        received = self._queue.receive_message(
            QueueUrl=self._url, MaxNumberOfMessages=_BATCH, WaitTimeSeconds=wait_seconds
        )
        messages: list[dict[str, Any]] = received.get("Messages", [])
        return messages

    def await_messages(self, count: int) -> None:
        """Return when `count` messages can be received. Raises: TimeoutError when they do not arrive."""
        depth = "ApproximateNumberOfMessages"
        deadline = time.monotonic() + _PATIENCE_SECONDS * 6
        while time.monotonic() < deadline:
            # By a client of its own: this request does not belong to a task.
            attributes = self._observer.get_queue_attributes(QueueUrl=self._url, AttributeNames=[depth])
            if int(attributes["Attributes"][depth]) >= count:
                return
            time.sleep(0.05)
        raise TimeoutError(f"{count} messages did not arrive")

    def settle(self, messages: Sequence[Mapping[str, Any]]) -> int:
        """Run the tasks of messages and delete the acknowledged ones; the number of those."""
        delivery = Delivery.of(app.run_tasks(messages_event(messages), CONTEXT))
        done = [each for each in messages if each["MessageId"] not in delivery.kept]
        if done:
            self._queue.delete_message_batch(
                QueueUrl=self._url,
                Entries=[
                    {"Id": str(number), "ReceiptHandle": each["ReceiptHandle"]}
                    for number, each in enumerate(done)
                ],
            )
        return len(done)

    def drain(self) -> None:
        """Run and delete the messages that are in the queue now."""
        while messages := self.receive(wait_seconds=0):
            self.settle(messages)

    # --- WebSocket ----------------------------------------------------------------------------------

    def connect(self, connection_id: str) -> None:
        """Open a connection that watches everything. Raises: AssertionError when it is refused."""
        response = app.connect(self.websocket_event("CONNECT", connection_id), CONTEXT)
        assert response["statusCode"] == 200, response

    def send(self, connection_id: str, message: Any) -> None:
        """Send a message on a connection."""
        event = self.websocket_event("MESSAGE", connection_id)
        app.message({**event, "body": json.dumps(message)}, CONTEXT)

    def disconnect(self, connection_id: str) -> None:
        """Close a connection."""
        app.disconnect(self.websocket_event("DISCONNECT", connection_id), CONTEXT)

    def websocket_event(self, kind: str, connection_id: str) -> dict[str, Any]:
        """The event of a connection with this container's token."""
        headers = {"Authorization": f"Bearer {self._token}"}
        return {**websocket_event(kind, connection_id), "headers": headers, "queryStringParameters": None}

    # --- Stream and schedules -----------------------------------------------------------------------

    def push(self, batch: int = 100) -> int:
        """Deliver the new records of the stream in batches of at most `batch`; the number of records."""
        records = self._stream.take()
        for start in range(0, len(records), batch):
            self.push_records(records[start : start + batch])
        return len(records)

    def push_records(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Deliver these records of the stream in one batch."""
        app.push_updates({"Records": list(records)}, CONTEXT)

    def skip_stream(self) -> None:
        """Drop the new records of the stream."""
        self._stream.skip()

    def stream_records(self) -> list[dict[str, Any]]:
        """The new records of the stream, for a measurement that delivers them itself."""
        return self._stream.take()

    def sweep(self) -> None:
        """Run the sweep."""
        app.sweep(schedule_event("sweep"), CONTEXT)

    def watch_dead_letters(self) -> None:
        """Run the dead letter monitor."""
        app.watch_dead_letters(schedule_event("watch_dead_letters"), CONTEXT)


class _Stream:
    """The records of the tasks table's stream that a mapping delivers: those of tasks."""

    def __init__(self, stage: BenchStage) -> None:
        self._client = stage.emulator.client("dynamodbstreams")
        table = stage.emulator.client("dynamodb").describe_table(TableName=TASKS)
        self._arn = table["Table"]["LatestStreamArn"]
        description = self._client.describe_stream(StreamArn=self._arn)["StreamDescription"]
        self._shard = description["Shards"][0]["ShardId"]
        self.skip()

    def skip(self) -> None:
        """Continue after the newest record, without reading those before it."""
        response = self._client.get_shard_iterator(
            StreamArn=self._arn, ShardId=self._shard, ShardIteratorType="LATEST"
        )
        self._iterator = response["ShardIterator"]

    def take(self) -> list[dict[str, Any]]:
        """The records since the last call."""
        taken: list[dict[str, Any]] = []
        while True:
            page = self._client.get_records(ShardIterator=self._iterator, Limit=1000)
            self._iterator = page["NextShardIterator"]
            if not page["Records"]:
                return taken
            taken += [_as_delivered(each) for each in page["Records"] if _is_task(each)]


def _as_delivered(record: Mapping[str, Any]) -> dict[str, Any]:
    """The record as Lambda delivers it: its time is a number."""
    change: dict[str, Any] = record["dynamodb"]
    created = change["ApproximateCreationDateTime"].timestamp()
    return {**record, "dynamodb": {**change, "ApproximateCreationDateTime": created}}


def _is_task(record: Mapping[str, Any]) -> bool:
    return bool(record["dynamodb"]["Keys"]["pk"]["S"].startswith("task#"))


def messages_event(messages: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The event that an SQS mapping makes of received messages."""
    return queue_event((each["MessageId"], each["ReceiptHandle"], each["Body"]) for each in messages)


@contextmanager
def silent() -> Iterator[None]:
    """Discard standard output: the functions log to it, as on AWS."""
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):
        yield
