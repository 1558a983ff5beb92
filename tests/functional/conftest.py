"""The whole app on moto: requests through Chalice's test client, events through the handlers of app.py."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from chalice.test import Client, HTTPResponse

import app
from chalicelib import bootstrap
from chalicelib.bootstrap.services import Services
from chalicelib.domain.task import Task
from chalicelib.domain.task_types import TaskTypes
from testing.kit import Kit
from tests.support.recorded_calls import Calls
from tests.support.scripted_types import Script
from tests.support.sockets import SocketServer

ROOT = Path(__file__).parents[2]
#: Tests move the clock: their tokens do not end, unless a test wants it.
FAR = int(datetime(2100, 1, 1, tzinfo=UTC).timestamp())


@pytest.fixture
def script() -> Script:
    """What tasks do, in a test that asks for it."""
    return Script()


@pytest.fixture
def task_types(request: pytest.FixtureRequest) -> TaskTypes | None:
    """The scripted types in a test that asks for a script, else the shipped ones."""
    script: Script | None = request.getfixturevalue("script") if "script" in request.fixturenames else None
    return None if script is None else script.types


@pytest.fixture
def kit(task_types: TaskTypes | None, calls: Calls) -> Iterator[Kit]:
    with open_kit(calls, task_types) as kit:
        yield kit


@contextmanager
def open_kit(calls: Calls, task_types: TaskTypes | None = None, **settings: Any) -> Iterator[Kit]:
    """A kit whose services the handlers use, and whose calls are heard."""
    with Kit(task_types, **settings) as kit:
        kit.services = kit.new_services(clients=calls.clients())
        bootstrap.install(kit.services)
        yield kit


@dataclass(frozen=True)
class Http:
    """The HTTP API, as a client meets it."""

    client: Client
    token: str
    calls: Calls = field(default_factory=Calls)

    def _headers(self, headers: dict[str, str]) -> dict[str, str]:
        """The bearer's token, and what the test adds; an empty `authorization` takes the token away."""
        given = {name.replace("_", "-").lower(): value for name, value in headers.items()}
        together = {"authorization": f"Bearer {self.token}", **given}
        return {name: value for name, value in together.items() if value or name != "authorization"}

    def request(self, method: str, path: str, raw: bytes = b"", **headers: str) -> HTTPResponse:
        together = self._headers({"content-type": "application/json", **headers})
        return self._send(method, path, together, raw)

    def post(self, path: str, body: Any = None, **headers: str) -> HTTPResponse:
        raw = b"" if body is None else json.dumps(body).encode()
        return self.post_raw(path, raw, **headers)

    def post_raw(self, path: str, raw: bytes, **headers: str) -> HTTPResponse:
        return self.request("POST", path, raw, **headers)

    def get(self, path: str, **headers: str) -> HTTPResponse:
        return self._send("GET", path, self._headers(headers))

    def delete(self, path: str, **headers: str) -> HTTPResponse:
        return self._send("DELETE", path, self._headers(headers))

    def _send(self, method: str, path: str, headers: dict[str, str], raw: bytes = b"") -> HTTPResponse:
        with self.calls.of("api_handler"):
            return self.client.http.request(method, path, headers, raw)

    def as_(self, token: str) -> Http:
        """The same API for the bearer of another token."""
        return replace(self, token=token)


@pytest.fixture
def http(kit: Kit, calls: Calls) -> Iterator[Http]:
    with Client(app.app, stage_name="local", project_dir=str(ROOT)) as client:
        yield Http(client, kit.token("tasks:read", "tasks:write", exp=FAR), calls)


@pytest.fixture
def admin(http: Http, kit: Kit) -> Http:
    """The same API for an administrator."""
    return http.as_(kit.token(exp=FAR))


@dataclass(frozen=True)
class LambdaContext:
    """What a handler asks of Lambda's context."""

    milliseconds: int = 120_000
    function_name: str = "test"
    aws_request_id: str = "request-1"

    def get_remaining_time_in_millis(self) -> int:
        return self.milliseconds


@dataclass
class Handlers:
    """The event handlers of app.py, called as Lambda calls them."""

    kit: Kit
    calls: Calls = field(default_factory=Calls)
    stream_position: int = 0
    sequence: int = 0
    context: LambdaContext = field(default_factory=LambdaContext)
    containers: dict[tuple[str, Services], Services] = field(default_factory=dict)

    def run_tasks(self, *bodies: str, handler: str = "run_tasks") -> list[str]:
        """Deliver queue messages; the ids of those that the handler reports as failed."""
        records = []
        for number, body in enumerate(bodies):
            message = self.kit.message(body, "fast" if handler == "run_tasks" else "long")
            records.append(
                {
                    "messageId": f"m{number}",
                    "receiptHandle": message.receipt_handle,
                    "body": body,
                    "attributes": {"ApproximateReceiveCount": "1"},
                    "eventSource": "aws:sqs",
                }
            )
        answer = self._invoke(handler, {"Records": records})
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

    def run(self, task: Task | dict[str, Any]) -> list[str]:
        """Deliver the wake-up message of one task."""
        return self.run_tasks(self.wake(task))

    def wake(self, task: Task | dict[str, Any]) -> str:
        """The body of a task's message."""
        task_id, lease = (task.id, task.lease) if isinstance(task, Task) else (task["id"], 0)
        return json.dumps({"owner": self.kit.owner, "id": task_id, "lease": lease})

    def stream(self) -> list[dict[str, Any]]:
        """The records that the tasks table's stream got since the last call."""
        streams = self.kit.client("dynamodbstreams")
        arn = self.kit.client("dynamodb").describe_table(TableName=self.kit.settings.resource("tasks"))
        arn = arn["Table"]["LatestStreamArn"]
        shard = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"][0]["ShardId"]
        iterator = streams.get_shard_iterator(StreamArn=arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON")[
            "ShardIterator"
        ]
        records: list[dict[str, Any]] = streams.get_records(ShardIterator=iterator, Limit=1000)["Records"]
        fresh, self.stream_position = records[self.stream_position :], len(records)
        return fresh

    def push(self, records: list[dict[str, Any]] | None = None) -> None:
        """Deliver stream records (the new ones) to push_updates."""
        self._invoke("push_updates", {"Records": self.stream() if records is None else records})

    def connect(self, connection_id: str, *, token: str | None = None, **query: str | list[str]) -> int:
        """Open a WebSocket; the status that API Gateway would act on."""
        event = self._socket_event("CONNECT", connection_id)
        values = {name: value if isinstance(value, list) else [value] for name, value in query.items()}
        event["multiValueQueryStringParameters"] = values or None
        event["queryStringParameters"] = {name: each[-1] for name, each in values.items()} or None
        chosen = self.kit.token(exp=FAR) if token is None else token
        event["headers"] = {"Authorization": f"Bearer {chosen}"}
        return int(self._invoke("websocket_connect", event)["statusCode"])

    def say(self, connection_id: str, message: Any) -> None:
        """Send a message on a WebSocket; text is sent as it is."""
        event = self._socket_event("MESSAGE", connection_id)
        event["body"] = message if isinstance(message, str) else json.dumps(message)
        self._invoke("websocket_message", event)

    def disconnect(self, connection_id: str) -> None:
        self._invoke("websocket_disconnect", self._socket_event("DISCONNECT", connection_id))

    def sweep(self) -> None:
        self._invoke("sweep", self._schedule_event("sweep"))

    def watch_dead_letters(self) -> None:
        self._invoke("watch_dead_letters", self._schedule_event("watch_dead_letters"))

    def _invoke(self, function: str, event: dict[str, Any]) -> Any:
        """Call a function in a container of its own, which has looked up nothing that another one has."""
        around = bootstrap.services()
        key = function, self.kit.services
        if key not in self.containers:
            self.containers[key] = self.kit.new_services(clients=self.kit.services.adapters.clients)
        bootstrap.install(self.containers[key])
        try:
            with self.calls.of(function):
                return app.app.handler_map[function](event, self.context)
        finally:
            bootstrap.install(around)

    def _socket_event(self, kind: str, connection_id: str) -> dict[str, Any]:
        self.sequence += 1
        return {
            "requestContext": {
                "eventType": kind,
                "connectionId": connection_id,
                "domainName": "test.example",
                "apiId": "api1",
                "stage": "test",
                "requestId": f"socket-{self.sequence}",
            },
            "isBase64Encoded": False,
        }

    @staticmethod
    def _schedule_event(name: str) -> dict[str, Any]:
        return {
            "version": "0",
            "account": "123456789012",
            "region": "us-east-1",
            "detail": {},
            "detail-type": "Scheduled Event",
            "source": "aws.events",
            "time": "2026-01-01T00:00:00Z",
            "id": "event-1",
            "resources": [f"arn:aws:events:us-east-1:123456789012:rule/{name}"],
        }


@pytest.fixture
def handlers(kit: Kit, calls: Calls) -> Handlers:
    return Handlers(kit, calls)


@pytest.fixture
def sockets(kit: Kit) -> Iterator[SocketServer]:
    """The WebSocket API that handlers post to: moto's never says 410, so this one listens for real."""
    with SocketServer() as server:
        kit.client("ssm").put_parameter(
            Name=kit.settings.parameter("websocket-endpoint"), Value=server.url, Type="String"
        )
        yield server
