"""The functions of app.py in this process, called as API Gateway and Lambda call them.

What event source mappings do on AWS, a loop does here, as the workers of other task queues do it: what is
measured is the service, not how an emulator delivers.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from typing import Any, Final

import app
from benchmarks.stage import OWNER, TASKS, BenchStage
from chalicelib import bootstrap
from chalicelib.bootstrap.services import Services

#: Longer than a retry of these measurements waits.
_PATIENCE_SECONDS: Final = 5
_BATCH: Final = 10


@dataclass(frozen=True)
class LambdaContext:
    """What a handler asks of Lambda's context."""

    milliseconds: int = 120_000
    function_name: str = "bench"
    aws_request_id: str = "bench"

    def get_remaining_time_in_millis(self) -> int:
        """The time that the invocation has left."""
        return self.milliseconds


CONTEXT: Final = LambdaContext()


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
        """What the API answers. Raises: AssertionError for anything but success."""
        answer = app.app(self.event(method, route, body, task_id=task_id, query=query), CONTEXT)
        assert answer["statusCode"] < 300, answer
        return json.loads(answer["body"] or "null")

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
        return {
            "resource": route,
            "path": route.replace("{task_id}", task_id or ""),
            "httpMethod": method,
            "headers": {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"},
            "multiValueQueryStringParameters": {name: [value] for name, value in (query or {}).items()}
            or None,
            "pathParameters": None if task_id is None else {"task_id": task_id},
            "stageVariables": None,
            "requestContext": {
                "resourcePath": route,
                "httpMethod": method,
                "requestId": "bench",
                "identity": {"sourceIp": "127.0.0.1"},
            },
            "body": None if body is None else json.dumps(body),
            "isBase64Encoded": False,
        }

    # --- Queue --------------------------------------------------------------------------------------

    def run(self, tasks: int) -> None:
        """Receive, run and delete until `tasks` messages are done. Raises: TimeoutError when none comes."""
        while tasks > 0:
            messages = self.receive()
            if not messages:
                raise TimeoutError(f"{tasks} messages did not come")
            tasks -= self.settle(messages)

    def receive(self, wait_seconds: int = _PATIENCE_SECONDS) -> list[dict[str, Any]]:
        """Up to ten messages, as soon as there are some; none when none came for `wait_seconds`."""
        answer = self._queue.receive_message(
            QueueUrl=self._url, MaxNumberOfMessages=_BATCH, WaitTimeSeconds=wait_seconds
        )
        messages: list[dict[str, Any]] = answer.get("Messages", [])
        return messages

    def await_messages(self, count: int) -> None:
        """Return when `count` messages can be received. Raises: TimeoutError when they do not come."""
        wanted = ["ApproximateNumberOfMessages"]
        deadline = time.monotonic() + _PATIENCE_SECONDS * 6
        while time.monotonic() < deadline:
            # Asked by a client of its own: this is no request of a task.
            told = self._observer.get_queue_attributes(QueueUrl=self._url, AttributeNames=wanted)
            if int(told["Attributes"]["ApproximateNumberOfMessages"]) >= count:
                return
            time.sleep(0.05)
        raise TimeoutError(f"{count} messages did not come")

    def settle(self, messages: Sequence[Mapping[str, Any]]) -> int:
        """Run what messages wake, delete those that are done; how many those are."""
        kept = app.run_tasks(queue_event(messages), CONTEXT)["batchItemFailures"]
        names = {each["itemIdentifier"] for each in kept}
        done = [each for each in messages if each["MessageId"] not in names]
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
        """Run and delete what is in the queue now."""
        while messages := self.receive(wait_seconds=0):
            self.settle(messages)

    # --- WebSocket ----------------------------------------------------------------------------------

    def connect(self, connection_id: str) -> None:
        """Open a connection that watches everything. Raises: AssertionError when it is refused."""
        answer = app.connect(self.socket_event("CONNECT", connection_id), CONTEXT)
        assert answer["statusCode"] == 200, answer

    def say(self, connection_id: str, message: Any) -> None:
        """Send a message on a connection."""
        event = self.socket_event("MESSAGE", connection_id)
        app.message({**event, "body": json.dumps(message)}, CONTEXT)

    def disconnect(self, connection_id: str) -> None:
        """Close a connection."""
        app.disconnect(self.socket_event("DISCONNECT", connection_id), CONTEXT)

    def socket_event(self, kind: str, connection_id: str) -> dict[str, Any]:
        """The event that API Gateway makes of a connection that opens, speaks or closes."""
        return {
            "requestContext": {
                "eventType": kind,
                "connectionId": connection_id,
                "domainName": "bench.example",
                "apiId": "bench",
                "stage": "bench",
                "requestId": "bench",
            },
            "headers": {"Authorization": f"Bearer {self._token}"},
            "queryStringParameters": None,
            "isBase64Encoded": False,
        }

    # --- Stream and schedules -----------------------------------------------------------------------

    def push(self, batch: int = 100) -> int:
        """Deliver what is new in the stream, in batches of at most `batch` records; how many those were."""
        records = self._stream.take()
        for start in range(0, len(records), batch):
            self.push_records(records[start : start + batch])
        return len(records)

    def push_records(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Deliver these records of the stream in one batch."""
        app.push_updates({"Records": list(records)}, CONTEXT)

    def skip_stream(self) -> None:
        """Forget what is new in the stream."""
        self._stream.skip()

    def stream_records(self) -> list[dict[str, Any]]:
        """What is new in the stream, for a measurement that delivers it itself."""
        return self._stream.take()

    def sweep(self) -> None:
        """Run the sweep."""
        app.sweep(schedule_event("sweep"), CONTEXT)

    def watch_dead_letters(self) -> None:
        """Run the dead letter monitor."""
        app.watch_dead_letters(schedule_event("watch_dead_letters"), CONTEXT)


class _Stream:
    """The records of the tasks table's stream that a mapping would deliver: those of tasks."""

    def __init__(self, stage: BenchStage) -> None:
        self._client = stage.emulator.client("dynamodbstreams")
        table = stage.emulator.client("dynamodb").describe_table(TableName=TASKS)
        self._arn = table["Table"]["LatestStreamArn"]
        told = self._client.describe_stream(StreamArn=self._arn)["StreamDescription"]
        self._shard = told["Shards"][0]["ShardId"]
        self.skip()

    def skip(self) -> None:
        """Go on after the newest record, without reading those before it."""
        answer = self._client.get_shard_iterator(
            StreamArn=self._arn, ShardId=self._shard, ShardIteratorType="LATEST"
        )
        self._iterator = answer["ShardIterator"]

    def take(self) -> list[dict[str, Any]]:
        """The records since the last call."""
        taken: list[dict[str, Any]] = []
        while True:
            answer = self._client.get_records(ShardIterator=self._iterator, Limit=1000)
            self._iterator = answer["NextShardIterator"]
            if not answer["Records"]:
                return taken
            taken += [_as_delivered(each) for each in answer["Records"] if _is_task(each)]


def _as_delivered(record: Mapping[str, Any]) -> dict[str, Any]:
    """The record as Lambda delivers it: its time is a number."""
    told: dict[str, Any] = record["dynamodb"]
    created = told["ApproximateCreationDateTime"].timestamp()
    return {**record, "dynamodb": {**told, "ApproximateCreationDateTime": created}}


def _is_task(record: Mapping[str, Any]) -> bool:
    return bool(record["dynamodb"]["Keys"]["pk"]["S"].startswith("task#"))


def queue_event(messages: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The event that an SQS mapping makes of messages."""
    return {
        "Records": [
            {
                "messageId": each["MessageId"],
                "receiptHandle": each["ReceiptHandle"],
                "body": each["Body"],
                "attributes": {"ApproximateReceiveCount": "1"},
                "eventSource": "aws:sqs",
            }
            for each in messages
        ]
    }


def schedule_event(name: str) -> dict[str, Any]:
    """The event of a schedule."""
    return {
        "version": "0",
        "account": "123456789012",
        "region": "us-east-1",
        "detail": {},
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "time": "2026-01-01T00:00:00Z",
        "id": "bench",
        "resources": [f"arn:aws:events:us-east-1:123456789012:rule/{name}"],
    }


@contextmanager
def silent() -> Iterator[None]:
    """Functions log lines to standard output, as on AWS; here nobody reads them."""
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):
        yield
