"""The event handlers of app.py, called as Lambda calls them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import app
from chalicelib import bootstrap
from chalicelib.bootstrap.services import Services
from chalicelib.domain.task import Task
from testing.kit import Kit
from tests.support.lambda_events import (
    Delivery,
    LambdaContext,
    queue_event,
    schedule_event,
    websocket_event,
)
from tests.support.recorded_calls import Calls

#: The expiry of tokens: later than any time to which a test moves the clock.
FAR = int(datetime(2100, 1, 1, tzinfo=UTC).timestamp())


@dataclass
class Handlers:
    """The event handlers of app.py, called as Lambda calls them."""

    kit: Kit
    calls: Calls = field(default_factory=Calls)
    stream_position: int = 0
    sequence: int = 0
    context: LambdaContext = field(default_factory=LambdaContext)
    containers: dict[tuple[str, Services], Services] = field(default_factory=dict)

    def run_tasks(self, *bodies: str, handler: str = "run_tasks") -> Delivery:
        """Deliver queue messages in one batch; the first has the id m0."""
        lane = "fast" if handler == "run_tasks" else "long"
        messages = [
            (f"m{number}", self.kit.message(body, lane).receipt_handle, body)
            for number, body in enumerate(bodies)
        ]
        return Delivery.of(self._invoke(handler, queue_event(messages)))

    def run(self, task: Task | dict[str, Any]) -> Delivery:
        """Deliver the message of one task."""
        return self.run_tasks(self.message(task))

    def message(self, task: Task | dict[str, Any]) -> str:
        """The body of a task's message."""
        task_id, lease = (task.id, task.lease) if isinstance(task, Task) else (task["id"], 0)
        return json.dumps({"owner": self.kit.owner, "id": task_id, "lease": lease})

    def stream(self) -> list[dict[str, Any]]:
        """The new records of the tasks table's stream since the last call."""
        streams = self.kit.client("dynamodbstreams")
        arn = self.kit.client("dynamodb").describe_table(TableName=self.kit.settings.resource("tasks"))
        arn = arn["Table"]["LatestStreamArn"]
        shard = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"][0]["ShardId"]
        iterator = streams.get_shard_iterator(StreamArn=arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON")[
            "ShardIterator"
        ]
        records: list[dict[str, Any]] = streams.get_records(ShardIterator=iterator, Limit=1000)["Records"]
        new, self.stream_position = records[self.stream_position :], len(records)
        return new

    def push(self, records: list[dict[str, Any]] | None = None) -> None:
        """Deliver stream records, by default the new ones, to push_updates."""
        self._invoke("push_updates", {"Records": self.stream() if records is None else records})

    def connect(self, connection_id: str, *, token: str | None = None, **query: str | list[str]) -> int:
        """Open a WebSocket connection and return the status of its $connect."""
        event = self.websocket_event("CONNECT", connection_id)
        values = {name: value if isinstance(value, list) else [value] for name, value in query.items()}
        event["multiValueQueryStringParameters"] = values or None
        event["queryStringParameters"] = {name: each[-1] for name, each in values.items()} or None
        token = self.kit.token(exp=FAR) if token is None else token
        event["headers"] = {"Authorization": f"Bearer {token}"}
        return int(self._invoke("websocket_connect", event)["statusCode"])

    def send(self, connection_id: str, message: Any) -> None:
        """Send a message on a WebSocket: text unchanged, anything else as JSON."""
        event = self.websocket_event("MESSAGE", connection_id)
        event["body"] = message if isinstance(message, str) else json.dumps(message)
        self._invoke("websocket_message", event)

    def disconnect(self, connection_id: str) -> None:
        self._invoke("websocket_disconnect", self.websocket_event("DISCONNECT", connection_id))

    def sweep(self) -> None:
        self._invoke("sweep", schedule_event("sweep"))

    def watch_dead_letters(self) -> None:
        self._invoke("watch_dead_letters", schedule_event("watch_dead_letters"))

    def _invoke(self, function: str, event: dict[str, Any]) -> Any:
        """Call a function in its own container, which shares no caches with the others."""
        previous = bootstrap.services()
        key = function, self.kit.services
        if key not in self.containers:
            self.containers[key] = self.kit.new_services(clients=self.kit.services.adapters.clients)
        bootstrap.install(self.containers[key])
        try:
            with self.calls.of(function):
                return app.app.handler_map[function](event, self.context)
        finally:
            bootstrap.install(previous)

    def websocket_event(self, kind: str, connection_id: str) -> dict[str, Any]:
        """An event of a connection with a new request id."""
        self.sequence += 1
        return websocket_event(kind, connection_id, f"socket-{self.sequence}")
