"""The cost of a million tasks: `python -m benchmarks.cost`.

The app's handlers run on the embedded AWS. Requests and log bytes are counted, write and read units are those
in DynamoDB's responses. Lambda's own work around a run (receive, delete, invoke) is added by rule.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from chalice.test import Client

import app
from benchmarks import prices
from benchmarks.exchanges import Exchange, read_units, tally
from benchmarks.hooks import RecordingClients
from chalicelib import bootstrap
from infra.stacks.stack import put_stack
from local.emulator import Emulator
from testing.kit import SIGNING_KEY, STAGE, TOKEN_KEY, Kit
from tests.functional.conftest import ROOT
from tests.support.emulators import free_port
from tests.support.handlers import Handlers
from tests.support.scripted_types import Script
from tests.support.sockets import SocketServer

TASKS: Final = 100
#: US dollars for a million units.
PRICES: Final = {
    name: 1e6 * price
    for name, price in {
        "api requests": prices.REST_REQUEST,
        "lambda requests": prices.LAMBDA_REQUEST,
        "lambda GB-seconds": prices.LAMBDA_GB_SECOND,
        "write units": prices.WRITE_UNIT,
        "read units": prices.READ_UNIT,
        "queue requests": prices.SQS_REQUEST,
        "websocket messages": prices.SOCKET_MESSAGE,
        "log MB": prices.LOG_GB / 1024,
        "alerts": prices.ALERT,
    }.items()
}
_QUEUE_OPERATIONS: Final = ("SendMessage", "SendMessageBatch", "ChangeMessageVisibility", "ReceiveMessage")
#: Assumed, since nothing here runs on Lambda: seconds of an invocation and of each task in it, and its GB.
SECONDS: Final = {"api_handler": (0.015, 0), "run_tasks": (0.005, 0.010), "push_updates": (0.005, 0.002)}
GIGABYTES: Final = {"api_handler": 0.5, "run_tasks": 1.0, "push_updates": 0.5, "watch_dead_letters": 0.5}


class EmulatedKit(Kit):
    """A kit on the embedded AWS, which counts units as DynamoDB documents them. moto does not."""

    def __enter__(self) -> Self:
        os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
        self._exit = ExitStack()
        home = Path(self._exit.enter_context(tempfile.TemporaryDirectory()))
        self.emulator = Emulator(free_port(), home, persist=False)
        self._exit.callback(self.emulator.stop)
        self.emulator.start()
        put_stack(self.emulator.client, STAGE)
        for name, key in (("signing-keys", SIGNING_KEY), ("token-keys", TOKEN_KEY)):
            self.client("ssm").put_parameter(
                Name=self.settings.parameter(name), Value=key, Type="SecureString"
            )
        self.recording = RecordingClients(self.emulator.endpoint)
        self.services = self.new_services(clients=self.recording)
        bootstrap.install(self.services)
        return self

    def client(self, name: str) -> Any:
        return self.emulator.client(name)


@dataclass
class Bill:
    """The billed units."""

    units: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    def add(self, exchanges: Sequence[Exchange]) -> None:
        """Count requests to AWS."""
        total = tally(exchanges)
        self.units["queue requests"] += sum(total.requests[operation] for operation in _QUEUE_OPERATIONS)
        self.units["alerts"] += total.requests["Publish"]
        self.units["write units"] += sum(total.writes.values())
        self.units["read units"] += sum(map(read_units, exchanges))

    @contextmanager
    def invocation(self, function: str, items: int = 1) -> Iterator[None]:
        """One run of a function over `items`, with its logs and Lambda's own work around it."""
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            yield
        fixed, each = SECONDS.get(function, (0.05, 0.0))
        self.units["lambda requests"] += 1
        self.units["lambda GB-seconds"] += (fixed + each * items) * GIGABYTES[function]
        # Lambda's own START, END and REPORT lines, and 26 bytes of each line that CloudWatch adds.
        self.units["log MB"] += (400 + len(printed.getvalue()) + 26 * printed.getvalue().count("\n")) / 2**20
        if function == "api_handler":
            self.units["api requests"] += 1
        if function == "run_tasks":
            self.units["queue requests"] += 2  # receive and delete

    def per_task(self) -> dict[str, float]:
        return {name: self.units[name] / TASKS for name in PRICES}


class Scene:
    """The service on the embedded AWS, called as Lambda calls it, in batches of one size."""

    def __init__(self, kit: EmulatedKit, script: Script, batch: int) -> None:
        self.kit, self.script, self.batch = kit, script, batch
        self.handlers = Handlers(kit)
        self.bill = Bill()

    def post(self, body: dict[str, Any], path: str = "/tasks") -> Any:
        headers = {"authorization": f"Bearer {self.kit.token()}", "content-type": "application/json"}
        with (
            Client(app.app, stage_name="local", project_dir=str(ROOT)) as client,
            self.bill.invocation("api_handler"),
        ):
            response = client.http.post(path, headers=headers, body=json.dumps(body).encode())
        assert response.status_code in (201, 207), response.body
        return response.json_body

    def run(self, tasks: list[Any]) -> None:
        for part in _parts(tasks, self.batch):
            bodies = [self.handlers.message(task) for task in part]
            with self.bill.invocation("run_tasks", len(part)):
                self.handlers.run_tasks(*bodies)

    def push(self) -> None:
        for part in _parts(self.handlers.stream(), self.batch):
            with self.bill.invocation("push_updates", len(part)):
                self.handlers.push(part)


def single(scene: Scene, payload: int = 200) -> None:
    """Each task by a POST of its own, without watchers."""
    tasks = [scene.post(_task(payload)) for _ in range(TASKS)]
    scene.run(tasks)
    scene.push()


def bulk(scene: Scene) -> None:
    """A hundred tasks in one POST."""
    answer = scene.post({"tasks": [_task(200)] * TASKS}, "/tasks/batch")
    scene.run([each["task"] for each in answer["results"]])
    scene.push()


def big(scene: Scene) -> None:
    """Payloads of 20 KB."""
    single(scene, payload=20_000)


def failing(scene: Scene) -> None:
    """Each task fails three times and gets a dead letter; one alert in five minutes names them all."""
    scene.script.raises(ValueError("never works"))
    tasks = [scene.post(_task(200)) for _ in range(TASKS)]
    for _ in range(3):
        scene.run(tasks)
        scene.kit.clock.advance(60)
    scene.push()
    with scene.bill.invocation("watch_dead_letters"):
        scene.handlers.watch_dead_letters()


def watched(scene: Scene) -> None:
    """A browser watches all of the owner's tasks."""
    with SocketServer() as server:
        scene.kit.client("ssm").put_parameter(
            Name=scene.kit.settings.parameter("websocket-endpoint"), Value=server.url, Type="String"
        )
        assert scene.handlers.connect("c1") == 200
        single(scene)
        scene.bill.units["websocket messages"] += len(server.frames["c1"])


SCENES: Final[dict[str, tuple[Callable[[Scene], None], int]]] = {
    "single, idle": (single, 1),
    "single, busy": (single, 10),
    "bulk of 100": (bulk, 10),
    "20 KB, busy": (big, 10),
    "failing, busy": (failing, 10),
    "watched, busy": (watched, 10),
}


def _task(size: int) -> dict[str, Any]:
    return {"type": "test.fast", "payload": {"text": "x" * size}}


def _parts(items: list[Any], size: int) -> list[list[Any]]:
    return [items[start : start + size] for start in range(0, len(items), size)]


def main() -> None:
    bills = {}
    for name, (act, batch) in SCENES.items():
        script = Script()
        with EmulatedKit(script.types) as kit:
            scene = Scene(kit, script, batch)
            kit.recording.take()
            with contextlib.redirect_stdout(io.StringIO()):
                act(scene)
            scene.bill.add(kit.recording.take())
            bills[name] = scene.bill.per_task()
    print("| for a task |", " | ".join(bills), "|")
    print("|---|" + "---:|" * len(bills))
    for unit in PRICES:
        print(f"| {unit} |", " | ".join(f"{bill[unit]:.4g}" for bill in bills.values()), "|")
    totals = [sum(bill[unit] * PRICES[unit] for unit in PRICES) for bill in bills.values()]
    print("| **US$ for a million tasks** |", " | ".join(f"**{total:.2f}**" for total in totals), "|")


if __name__ == "__main__":
    main()
