"""The service as `make up` brings it up, once per test session, on a port and in a directory of its own."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPMessage
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from botocore.session import Session
from websockets.sync.client import ClientConnection, connect

from local.deployer import Deployer
from local.emulator import Emulator
from local.smoke_test import run_smoke_test
from local.stage import PREFIX, Endpoints, LocalStage
from tests.support.emulators import free_port

ROOT: Final = Path(__file__).parents[2]
PATIENCE_SECONDS: Final = 60.0
#: A worker that was killed is noticed within seconds, not minutes.
FUNCTION_ENVIRONMENT: Final = {"LEASE_MARGIN_SECONDS": "3", "GRACE_SECONDS": "10", "LOG_LEVEL": "DEBUG"}


_pause: Final = threading.Event()  # never set: waiting for it is the pause between two looks


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An HTTP response."""

    status: int
    headers: HTTPMessage
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


@dataclass(frozen=True, kw_only=True)
class Service:
    """The running service, seen from outside, and the AWS underneath."""

    stage: LocalStage
    emulator: Emulator
    endpoints: Endpoints

    def call(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Answer:
        """One request; a `body` that is neither text nor bytes is sent as JSON."""
        data = body if body is None or isinstance(body, str | bytes) else json.dumps(body)
        place = urlsplit(self.endpoints.http + path)
        server = HTTPConnection(place.netloc, timeout=PATIENCE_SECONDS)
        try:
            target = f"{place.path}?{place.query}" if place.query else place.path
            server.request(method, target, data, {**self._headers, **(headers or {})})
            response = server.getresponse()
            return Answer(status=response.status, headers=response.headers, text=response.read().decode())
        finally:
            server.close()

    @property
    def _headers(self) -> dict[str, str]:
        return {"Content-Type": "application/json", "Authorization": f"Bearer {self.endpoints.token}"}

    def post(self, task_type: str, payload: Any, **options: Any) -> Any:
        """A new task."""
        answer = self.call("POST", "/tasks", {"type": task_type, "payload": payload, **options})
        assert answer.status == 201, answer.text
        return answer.json

    def get(self, task_id: str) -> Any:
        return self.call("GET", f"/tasks/{task_id}").json

    def wait_for(self, task_id: str, *statuses: str, seconds: float = PATIENCE_SECONDS) -> Any:
        """The task, as soon as its status is one of these."""
        return await_value(
            lambda: task if (task := self.get(task_id))["status"] in statuses else None, seconds=seconds
        )

    def watch(self, query: str = "") -> ClientConnection:
        """A WebSocket connection, to be closed by the caller."""
        return connect(
            self.endpoints.websocket + query,
            additional_headers={"Authorization": f"Bearer {self.endpoints.token}"},
            proxy=None,
            open_timeout=PATIENCE_SECONDS,
        )

    def client(self, name: str) -> Any:
        """A client of an AWS service underneath."""
        return self.emulator.client(name)

    def cut_connections(self, owner: str) -> int:
        """Close an owner's WebSockets, as API Gateway does after two hours; how many there were.

        One whose client was too fast for its disconnect to be stored is gone already.
        """
        connected = self.client("dynamodb").query(
            TableName=f"{PREFIX}-connections",
            KeyConditionExpression="pk = :owner",
            ExpressionAttributeValues={":owner": {"S": f"owner#{owner}"}},
        )
        session = Session()
        session.set_credentials("test", "test")
        endpoint = self.endpoints.websocket.replace("ws", "http", 1)
        sockets: Any = session.create_client("apigatewaymanagementapi", "us-east-1", endpoint_url=endpoint)
        cut = 0
        for item in connected["Items"]:
            with suppress(sockets.exceptions.GoneException):
                sockets.delete_connection(ConnectionId=item["sk"]["S"])
                cut += 1
        return cut


def await_value(look: Callable[[], Any], seconds: float = PATIENCE_SECONDS) -> Any:
    """What `look` returns, as soon as that is not None. Fails when it is still None after `seconds`."""
    deadline = time.monotonic() + seconds
    while (value := look()) is None:
        if time.monotonic() > deadline:
            pytest.fail(f"nothing seen within {seconds:.0f} s")
        _pause.wait(0.05)
    return value


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service, deployed and warm. Tests share it: each looks at the tasks it made itself."""
    home = tmp_path_factory.mktemp("local")
    emulator = Emulator(free_port(), home, persist=False)
    deployer = Deployer(
        source=ROOT,
        endpoint=emulator.endpoint,
        home=home,
        records=home / "deployed",
        environment=FUNCTION_ENVIRONMENT,
    )
    stage = LocalStage(emulator, deployer)
    try:
        emulator.start()
        endpoints = stage.bring_up()
        run_smoke_test(endpoints)
        yield Service(stage=stage, emulator=emulator, endpoints=endpoints)
    finally:
        emulator.stop()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the project that a test may run, change and break."""
    return copy_project(tmp_path)


def copy_project(target: Path) -> Path:
    """Everything that a deployment from this checkout needs, copied."""
    (target / ".chalice").mkdir()
    for file in ("app.py", *(f".chalice/{file.name}" for file in (ROOT / ".chalice").glob("*.json"))):
        shutil.copy2(ROOT / file, target / file)
    for package in ("chalicelib", "infra", "local"):
        shutil.copytree(ROOT / package, target / package, ignore=shutil.ignore_patterns("__pycache__"))
    return target
