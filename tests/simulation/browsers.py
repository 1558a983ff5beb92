"""WebSocket clients that connect, drop, reconnect and sync, and the gateway that serves them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import app
from chalicelib.aws.sdk.transport import Response
from tests.simulation.calls import failure
from tests.simulation.functions import Ended, Functions
from tests.simulation.queues import SECOND
from tests.simulation.scheduler import Scheduler
from tests.support.aws_requests import AwsCall
from tests.support.lambda_events import websocket_event

#: A client that gets no response for this long sends its request again.
PATIENCE = 40 * SECOND
#: API Gateway closes every connection after two hours.
LONGEST = 7200 * SECOND


class Gateway:
    """API Gateway's WebSocket API. It holds the connections."""

    def __init__(self, scheduler: Scheduler, functions: Functions, chance: Callable[[str], int]) -> None:
        self._browsers: dict[str, Browser] = {}
        self._scheduler = scheduler
        self._functions = functions
        self._chance = chance
        self._count = 0

    def answer(self, request: AwsCall) -> Response:
        """Post to a connection, or close it."""
        connection = request.parameters["ConnectionId"]
        browser = self._browsers.get(connection)
        if browser is None:
            return failure(410, "GoneException", "apigatewaymanagementapi")
        if request.operation == "DeleteConnection":
            self._cut(connection)
            return Response(204, b"")
        if self._chance("frame lost with its connection"):
            self._cut(connection)
        else:
            delay = 5 + self._chance("frame late")
            self._scheduler.after(
                delay, lambda: browser.receive(connection, json.loads(request.parameters["Data"]))
            )
        return Response(200, b"")

    def open(self, browser: Browser) -> None:
        """Open a connection, if the service accepts it."""
        self._count += 1
        connection = f"c{self._count}"
        event = websocket_event("CONNECT", connection)
        event["queryStringParameters"] = browser.query
        event["headers"] = {"Authorization": f"Bearer {browser.token}"}

        def decided(ended: Ended) -> None:
            if ended.good and ended.value["statusCode"] == 200:
                self._browsers[connection] = browser
                browser.opened(connection)
                self._scheduler.after(LONGEST, lambda: self._cut(connection))
            else:
                self._scheduler.after(SECOND, browser.connect)

        self._functions.invoke("websocket_connect", lambda context: app.connect(event, context), decided)

    def send(self, connection: str, message: Any) -> None:
        """Send a client's message to the service."""
        event = {**websocket_event("MESSAGE", connection), "body": json.dumps(message)}
        self._functions.invoke(
            "websocket_message", lambda context: app.message(event, context), lambda ended: None
        )

    def drop(self, connection: str) -> None:
        """Drop a connection. The plan decides whether the service gets a disconnect event."""
        self._cut(connection)
        if not self._chance("disconnect lost"):
            event = websocket_event("DISCONNECT", connection)
            self._functions.invoke(
                "websocket_disconnect", lambda context: app.disconnect(event, context), lambda ended: None
            )

    def _cut(self, connection: str) -> None:
        browser = self._browsers.pop(connection, None)
        if browser is not None:
            self._scheduler.after(SECOND, lambda: browser.closed(connection))


class Browser:
    """A client that keeps the highest version of each task. It lists and syncs after each connect."""

    def __init__(
        self,
        name: str,
        scheduler: Scheduler,
        gateway: Gateway,
        *,
        list_tasks: Callable[..., None],
        token: str,
        **query: str,
    ) -> None:
        self.name = name
        self.token = token
        self.query = query
        self.tasks: dict[str, dict[str, Any]] = {}
        self.at_rest: dict[str, dict[str, Any]] = {}  #: what it held when the world came to rest
        self.synced = False
        self.subscribed: dict[str, bool] = {}  #: ids, and whether a response came
        self._connection: str | None = None
        self._waits = 0
        self._scheduler = scheduler
        self._gateway = gateway
        self._list_tasks = list_tasks

    def connect(self) -> None:
        """Open a connection. A lost one is opened again automatically."""
        self._gateway.open(self)

    def drop(self) -> None:
        """Lose the connection."""
        if self._connection is not None:
            self._gateway.drop(self._connection)

    def subscribe(self, task_id: str) -> None:
        """Watch one task, on this connection and on later ones."""
        if task_id:
            self.subscribed[task_id] = False
            self._request_task(task_id)

    def _request_task(self, task_id: str) -> None:
        if self._connection is None or self.subscribed[task_id]:
            return
        self._gateway.send(self._connection, {"action": "subscribe", "task_id": task_id})
        self._scheduler.after(PATIENCE, lambda: self._request_task(task_id))

    @property
    def settled(self) -> bool:
        """Has every request of this client been answered?"""
        return self.synced and all(self.subscribed.values())

    def opened(self, connection: str) -> None:
        """The connection is open."""
        self._connection = connection
        self._catch_up(connection)
        for task_id in self.subscribed:
            self._request_task(task_id)

    def closed(self, connection: str) -> None:
        """The connection is closed."""
        if self._connection == connection:
            self._connection, self.synced = None, False
            self.subscribed = dict.fromkeys(self.subscribed, False)
            self.connect()

    def receive(self, connection: str, frame: dict[str, Any]) -> None:
        """A frame arrived."""
        if connection != self._connection:
            return
        for task in _tasks(frame):
            if task["version"] > self.tasks.get(task["id"], {"version": 0})["version"]:
                self.tasks[task["id"]] = task
            if task["id"] in self.subscribed:
                self.subscribed[task["id"]] = True
        if frame["type"] == "synced":
            self.synced = True

    def _catch_up(self, connection: str) -> None:
        """List, then sync every id with its version. Start again when no response comes."""
        if connection != self._connection or self.synced:
            return
        self._scheduler.after(PATIENCE, lambda: self._catch_up(connection))
        self._list_tasks(lambda answer: self._sync(connection, answer))

    def _sync(self, connection: str, answer: tuple[int, Any] | None) -> None:
        if answer is None or answer[0] != 200 or connection != self._connection:
            return
        known = {task["id"]: 0 for task in answer[1]["tasks"]}
        known |= {task_id: task["version"] for task_id, task in self.tasks.items()}
        self._gateway.send(connection, {"action": "sync", "tasks": known})


def _tasks(frame: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if frame["type"] == "task":
        yield frame["task"]
    yield from frame.get("tasks", [])
