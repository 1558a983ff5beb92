"""A new container imports nothing for its first event that only other functions need."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from chalicelib.aws.sdk.transport import Request
from infra.deployer.app_functions import PROJECT
from testing.kit import STAGE, Kit
from tests.functional.conftest import Handlers, Http
from tests.support.aws_requests import ENVIRONMENT, Moto
from tests.support.http_server import Answer, HttpServer, Received
from tests.support.lambda_events import http_event
from tests.support.sockets import SocketServer

#: Serves one event in a new process, and prints the response and the imported modules.
CONTAINER = """
import json, sys
import app

class Context:
    function_name = aws_request_id = "first"
    def get_remaining_time_in_millis(self):
        return 120_000

name, event = json.load(sys.stdin)
answer = (app.app if name == "api" else app.app.handler_map[name])(event, Context())
print(json.dumps([answer, sorted(sys.modules)]))
"""
#: Slow to import: AWS's SDK, which Lambda's runtime has, and the modules of pydantic's plugin discovery.
NEVER = {
    "boto3",
    "botocore",
    "urllib3",
    "concurrent.futures.process",
    "multiprocessing",
    "importlib.metadata",
}
CRYPTOGRAPHY = {"jwt", "cryptography"}
VALIDATION = {"pydantic", "pydantic_core", "chalicelib.http.schemas.requests", "chalicelib.task_types"}
PAGES = {"chalicelib.http.openapi.document", "chalicelib.web.page_responses", "chalicelib.web.assets"}
WORK = {
    "chalicelib.services.worker.worker",
    "chalicelib.services.maintenance.sweeper",
    "chalicelib.services.maintenance.dead_letter_monitor",
}
#: The HTTP client for fetches, which most task types do not need. (PyJWT imports an HTTP client of its own.)
FETCHING = {"chalicelib.fetching.fetcher", "chalicelib.fetching.exchange"}
SOCKETS = {"chalicelib.services.live.updates", "chalicelib.services.live.connections"}


def aws(received: Received) -> Answer:
    """The kit's AWS, for other processes."""
    api = received.headers.get("x-amz-target", "").partition(".")[0]
    service = {"DynamoDB_20120810": "dynamodb", "AmazonSQS": "sqs", "AmazonSSM": "ssm"}.get(api, "sns")
    origin = f"https://{service}.{ENVIRONMENT.region}.amazonaws.com"
    headers = {name: value for name, value in received.headers.items() if name != "content-length"}
    response = Moto().send(Request(received.method, origin, received.path, headers, received.body))
    return Answer(response.status, response.body)


@dataclass
class Containers(Handlers):
    """Each event starts a new one."""

    aws: HttpServer = field(kw_only=True)
    loaded: set[str] = field(default_factory=set)

    def _invoke(self, function: str, event: dict[str, Any]) -> Any:
        environment = {
            "PATH": os.defpath,
            "PYTHONPATH": str(PROJECT),
            "STAGE": STAGE,
            "AWS_ENDPOINT_URL": self.aws.url().rstrip("/"),
            "AWS_REGION": str(ENVIRONMENT.region),
            "AWS_ACCESS_KEY_ID": str(ENVIRONMENT.access_key),
            "AWS_SECRET_ACCESS_KEY": str(ENVIRONMENT.secret_key),
        }
        done = subprocess.run(
            [sys.executable, "-c", CONTAINER],
            cwd=PROJECT,
            env=environment,
            input=json.dumps([function, event], default=str),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        answer, modules = json.loads(done.stdout.splitlines()[-1])
        self.loaded = set(modules)
        return answer

    def request(self, method: str, route: str, body: Any = None, **headers: str) -> int:
        """The status of a request."""
        return int(self._invoke("api", http_event(method, route, body, headers=headers))["statusCode"])


@pytest.fixture
def containers(kit: Kit) -> Iterator[Containers]:
    with HttpServer(aws) as server:
        yield Containers(kit, aws=server)


@pytest.fixture
def watched(containers: Containers, sockets: SocketServer, http: Http) -> Containers:
    """The same, with one connection that watches everything."""
    Handlers(containers.kit, containers.calls).connect("c1")
    return containers


def by_ticket(containers: Containers, http: Http) -> None:
    ticket = http.post("/tickets").json_body["ticket"]
    assert containers.connect("c2", token="none", ticket=ticket) == 200


def by_token(containers: Containers, http: Http) -> None:
    assert containers.connect("c2") == 200


def message(containers: Containers, http: Http) -> None:
    containers.send("c1", {"action": "ping"})


def disconnect(containers: Containers, http: Http) -> None:
    containers.disconnect("c1")


def push_updates(containers: Containers, http: Http) -> None:
    http.post("/tasks", {"type": "demo.sleep", "payload": {"seconds": 0}})
    containers.push()


def run_tasks(containers: Containers, http: Http) -> None:
    task = http.post("/tasks", {"type": "demo.sleep", "payload": {"seconds": 0, "steps": 1}}).json_body
    assert containers.run(task).acknowledged
    assert containers.kit.get(task["id"])["status"] == "succeeded"


def sweep(containers: Containers, http: Http) -> None:
    containers.sweep()


def watch_dead_letters(containers: Containers, http: Http) -> None:
    containers.watch_dead_letters()


def health(containers: Containers, http: Http) -> None:
    assert containers.request("GET", "/health") == 200


def create_task(containers: Containers, http: Http) -> None:
    new_task = {"type": "demo.sleep", "payload": {"seconds": 0}}
    token = containers.kit.token()
    assert containers.request("POST", "/tasks", new_task, Authorization=f"Bearer {token}") == 201


@pytest.mark.parametrize(
    ("serve", "others"),
    [
        (by_ticket, CRYPTOGRAPHY | VALIDATION | PAGES | WORK),
        (by_token, VALIDATION | PAGES | WORK),
        (message, CRYPTOGRAPHY | VALIDATION | PAGES | WORK),
        (disconnect, CRYPTOGRAPHY | VALIDATION | PAGES | WORK),
        (push_updates, CRYPTOGRAPHY | VALIDATION | PAGES | WORK),
        (
            run_tasks,
            CRYPTOGRAPHY | FETCHING | PAGES | SOCKETS | {"chalicelib.http.schemas.requests", "http.client"},
        ),
        (
            sweep,
            CRYPTOGRAPHY
            | PAGES
            | SOCKETS
            | {"chalicelib.http.schemas.requests", "chalicelib.services.worker.worker"},
        ),
        (watch_dead_letters, CRYPTOGRAPHY | VALIDATION | PAGES | SOCKETS),
        (health, CRYPTOGRAPHY | VALIDATION | PAGES | WORK | SOCKETS),
        (
            create_task,
            FETCHING
            | PAGES
            | SOCKETS
            | {"chalicelib.services.worker.worker", "chalicelib.services.maintenance.sweeper"},
        ),
    ],
)
def test_a_container_imports_no_modules_of_other_functions(
    watched: Containers, http: Http, serve: Callable[[Containers, Http], None], others: set[str]
) -> None:
    serve(watched, http)
    assert "chalice.app" in watched.loaded
    assert watched.loaded & (NEVER | others) == set()
