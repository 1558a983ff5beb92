"""The app on moto: requests through Chalice's test client, events through the handlers of app.py."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from chalice.test import Client, HTTPResponse

import app
from chalicelib import bootstrap
from chalicelib.domain.task_types import TaskTypes
from testing.kit import Kit
from tests.support.dead_letters import Alerts
from tests.support.handlers import FAR, Handlers
from tests.support.recorded_calls import Calls
from tests.support.scripted_types import Script
from tests.support.sockets import SocketServer

ROOT = Path(__file__).parents[2]
#: Modules whose tests run once more with AWS's own SDK: each kind of request is in one of them.
WITH_EACH_SDK = frozenset(
    {"test_idempotency", "test_push_updates", "test_tickets", "test_worker_batches", "test_worker_outcomes"}
)


@pytest.fixture
def script() -> Script:
    """The scripted behaviour of tasks."""
    return Script()


@pytest.fixture
def task_types(request: pytest.FixtureRequest) -> TaskTypes | None:
    """The scripted types in a test with the fixture `script`, else the shipped ones."""
    script: Script | None = request.getfixturevalue("script") if "script" in request.fixturenames else None
    return None if script is None else script.types


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if metafunc.module.__name__.rpartition(".")[2] in WITH_EACH_SDK and "kit" in metafunc.fixturenames:
        metafunc.parametrize("aws_sdk", ["own", "boto3"])


@pytest.fixture
def aws_sdk() -> str:
    """The setting AWS_SDK."""
    return "own"


@pytest.fixture
def kit(task_types: TaskTypes | None, calls: Calls, aws_sdk: str) -> Iterator[Kit]:
    with open_kit(calls, task_types, aws_sdk=aws_sdk) as kit:
        yield kit


@contextmanager
def open_kit(calls: Calls, task_types: TaskTypes | None = None, **settings: Any) -> Iterator[Kit]:
    """A kit whose services the handlers use, and whose calls to AWS are recorded."""
    with Kit(task_types, **settings) as kit:
        kit.services = kit.new_services(clients=calls.clients(kit.settings.aws_sdk))
        bootstrap.install(kit.services)
        yield kit


@dataclass(frozen=True)
class Http:
    """The HTTP API, as a client uses it."""

    client: Client
    token: str
    calls: Calls = field(default_factory=Calls)

    def _headers(self, headers: dict[str, str]) -> dict[str, str]:
        """`headers` and the token. An empty `authorization` removes the token."""
        headers = {name.replace("_", "-").lower(): value for name, value in headers.items()}
        headers = {"authorization": f"Bearer {self.token}", **headers}
        return {name: value for name, value in headers.items() if value or name != "authorization"}

    def request(self, method: str, path: str, raw: bytes = b"", **headers: str) -> HTTPResponse:
        headers = self._headers({"content-type": "application/json", **headers})
        return self._send(method, path, headers, raw)

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
        """The same API with another token."""
        return replace(self, token=token)


@pytest.fixture
def http(kit: Kit, calls: Calls) -> Iterator[Http]:
    with Client(app.app, stage_name="local", project_dir=str(ROOT)) as client:
        yield Http(client, kit.token("tasks:read", "tasks:write", exp=FAR), calls)


@pytest.fixture
def admin(http: Http, kit: Kit) -> Http:
    """The same API for an administrator."""
    return http.as_(kit.token(exp=FAR))


@pytest.fixture
def handlers(kit: Kit, calls: Calls) -> Handlers:
    return Handlers(kit, calls)


@pytest.fixture
def alerts(kit: Kit) -> Alerts:
    return Alerts(kit)


@pytest.fixture
def sockets(kit: Kit) -> Iterator[SocketServer]:
    """The WebSocket API that handlers post to. It is a real server, because moto's never answers 410."""
    with SocketServer() as server:
        kit.client("ssm").put_parameter(
            Name=kit.settings.parameter("websocket-endpoint"), Value=server.url, Type="String"
        )
        yield server
