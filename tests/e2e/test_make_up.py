"""`make up` as its user sees it: one process to start, watch, break and stop."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest

from tests.e2e.conftest import await_value, copy_project
from tests.support.emulators import free_port

#: An origin whose pages may call the API.
PAGE = "https://page.example"


class MakeUp:
    """`python -m local` in a checkout of its own, and what it has printed so far."""

    def __init__(self, checkout: Path, port: int, **environment: str) -> None:
        self.checkout = checkout
        self.port = port
        self._output = checkout / f"output-{port}.txt"
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "local"],
                cwd=checkout,
                env={**os.environ, "PYTHONUNBUFFERED": "1", "PORT": str(port), **environment},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def output(self) -> str:
        return self._output.read_text()

    @property
    def endpoints(self) -> dict[str, str]:
        """Where it listens, once it is ready."""
        file = self.checkout / ".local" / "endpoints.json"
        await_value(lambda: True if file.exists() or self._process.poll() is not None else None)
        assert file.exists(), self.output
        endpoints: dict[str, str] = json.loads(file.read_text())
        return endpoints

    def call(self, method: str, path: str, body: Any = None) -> Any:
        parts = urlsplit(self.endpoints["http"] + path)
        server = HTTPConnection(parts.netloc, timeout=10)
        bearer = {"Authorization": f"Bearer {self.endpoints['token']}"}
        server.request(method, parts.path, json.dumps(body), {"Content-Type": "application/json", **bearer})
        answer = json.loads(server.getresponse().read())
        server.close()
        return answer

    def await_output(self, pattern: str) -> str:
        """All that was printed, as soon as the pattern is in it."""
        await_value(lambda: re.search(pattern, self.output, re.DOTALL))
        return self.output

    @property
    def server(self) -> int:
        """The process of the embedded AWS."""
        (server,) = [
            pid
            for pid, _, command in processes()
            if pid in self.family and "local.ministack_patched" in command
        ]
        return server

    @property
    def family(self) -> set[int]:
        """Every process that it has started, directly or not, and itself."""
        family = {self._process.pid}
        listed = processes()
        while more := {pid for pid, parent, _ in listed if parent in family} - family:
            family |= more
        return family

    def end_by(self, pid: int, number: signal.Signals) -> int:
        """The exit code after this signal to one of its processes. Nothing that it started is left then."""
        family = self.family
        os.kill(pid, number)
        code = self._process.wait(30)
        await_value(lambda: None if family & {pid for pid, _, _ in processes()} else True)
        return code

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def stop(self) -> int:
        return self.end_by(self._process.pid, signal.SIGINT)

    def wait(self) -> int:
        return self._process.wait(30)

    def kill(self) -> None:
        if self.running:
            self._process.kill()
            self._process.wait()


def processes() -> list[tuple[int, int, str]]:
    """Every living process of this machine: its id, its parent's, its command."""
    listed = subprocess.run(
        ["ps", "-Awwo", "pid=,ppid=,stat=,args="], capture_output=True, text=True, check=True
    )
    rows = [line.split(maxsplit=3) for line in listed.stdout.splitlines()]
    return [
        (int(row[0]), int(row[1]), row[3]) for row in rows if len(row) == 4 and not row[2].startswith("Z")
    ]


@contextlib.contextmanager
def make_up(checkout: Path, port: int, **environment: str) -> Iterator[MakeUp]:
    up = MakeUp(checkout, port, **environment)
    try:
        yield up
    finally:
        up.kill()


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakeUp]:
    """One for all tests that leave it running."""
    checkout = copy_project(tmp_path_factory.mktemp("checkout"))
    with make_up(checkout, free_port(), FETCH_ALLOWED_HOSTS="", CORS_ORIGINS=PAGE) as up:
        yield up


@pytest.fixture(scope="module")
def up_again(up: MakeUp) -> Iterator[MakeUp]:
    """The second one in the same checkout, after the first was stopped."""
    if up.running:
        up.stop()
    with make_up(up.checkout, up.port) as again:
        yield again


def test_it_prints_its_addresses_and_a_first_request(up: MakeUp) -> None:
    assert up.endpoints["aws_endpoint"] == f"http://127.0.0.1:{up.port}"
    output = up.await_output("Ctrl-C stops everything")
    assert up.endpoints["http"] in output
    assert f"export TOKEN={up.endpoints['token']}" in output
    assert f'wscat -H "Authorization: Bearer $TOKEN" -c {up.endpoints["websocket"]}' in output
    assert f"curl {up.endpoints['http']}/tasks" in output


def test_it_follows_the_functions_logs_without_their_metrics(up: MakeUp) -> None:
    task = up.call("POST", "/tasks", {"type": "demo.sleep", "payload": {"seconds": 0}})
    output = up.await_output(f"run_tasks .*{task['id']}")
    assert '"_aws"' not in output
    assert "REPORT RequestId" not in output


def test_a_second_instance_in_the_same_checkout_is_refused(up: MakeUp) -> None:
    assert up.endpoints
    with make_up(up.checkout, free_port()) as second:
        assert second.wait() == 1
        assert "running already" in second.output
    assert up.call("GET", "/health")["status"] == "ok"


def test_an_environment_variable_replaces_a_setting_of_the_local_stage(up: MakeUp) -> None:
    """Even an empty one: FETCH_ALLOWED_HOSTS is empty here, so 127.0.0.1 may not be fetched from."""
    request = {"type": "http.request", "payload": {"url": f"{up.endpoints['http']}/health"}}
    task = up.call("POST", "/tasks", request)["id"]
    await_value(lambda: True if up.call("GET", f"/tasks/{task}")["status"] == "failed" else None)
    assert up.call("GET", f"/tasks/{task}")["error"]["kind"] == "rejected"


def test_any_setting_may_be_given(up: MakeUp) -> None:
    request = Request(f"{up.endpoints['http']}/health", headers={"Origin": PAGE})
    with urlopen(request, timeout=10) as response:
        assert response.headers["Access-Control-Allow-Origin"] == PAGE


def test_an_invalid_setting_is_named_before_anything_starts(checkout: Path) -> None:
    with make_up(checkout, free_port(), POST_BURST="many") as up:
        assert up.wait() == 1
    assert "POST_BURST='many': a whole number is needed" in up.output
    assert "Starting" not in up.output


def test_a_saved_file_is_live_and_a_broken_one_is_not(up: MakeUp) -> None:
    assert up.endpoints
    app = up.checkout / "app.py"
    good = app.read_text()
    app.write_text(good + "\n\ndef broken(:\n")
    up.await_output(r"Not deployed.*def broken\(:.*SyntaxError")
    assert up.call("GET", "/health")["status"] == "ok"
    app.write_text(f'{good}\n\n@app.route("/saved")\ndef saved():\n    return {{"saved": True}}\n')
    up.await_output("Redeployed in .*app.py")
    assert up.call("GET", "/saved") == {"saved": True}


@pytest.mark.parametrize(
    ("breaks", "message"),
    [
        (
            "\n\ndef broken(:\n",
            r"task_types/demo\.py.*def broken\(:.*SyntaxError.*task_types/demo\.py cannot be imported",
        ),
        ('\n\ntask_type("demo.fail", payload=Fail)(fail)\n', r"task_types/demo\.py.*demo\.fail"),
    ],
    ids=["syntax", "duplicate name"],
)
def test_a_broken_task_type_does_not_go_live(up: MakeUp, breaks: str, message: str) -> None:
    """No function imports task types before it needs one, so the deployment does."""
    assert up.endpoints
    demo = up.checkout / "chalicelib" / "task_types" / "demo.py"
    good, before = demo.read_text(), len(up.output)
    demo.write_text(good + breaks)
    await_value(lambda: re.search(f"Not deployed.*{message}", up.output[before:], re.DOTALL))
    task = up.call("POST", "/tasks", {"type": "demo.sleep", "payload": {"seconds": 0}})["id"]
    await_value(lambda: True if up.call("GET", f"/tasks/{task}")["status"] == "succeeded" else None)
    demo.write_text(good)
    await_value(lambda: re.search(r"Redeployed in .*demo\.py", up.output[before:]))


def test_a_new_file_is_a_new_task_type(up: MakeUp) -> None:
    assert up.endpoints
    greet = up.checkout / "chalicelib" / "task_types" / "greet.py"
    greet.write_text(
        "from pydantic import BaseModel\n\n"
        "from chalicelib.domain.task_types import TaskContext, task_type\n\n\n"
        "class Greeting(BaseModel):\n    name: str\n\n\n"
        '@task_type("demo.greet", payload=Greeting)\n'
        "def greet(payload: Greeting, context: TaskContext) -> str:\n"
        '    return f"Hello {payload.name}"\n'
    )
    up.await_output(r"Redeployed in .*greet\.py")
    task = up.call("POST", "/tasks", {"type": "demo.greet", "payload": {"name": "Ada"}})["id"]
    done = await_value(lambda: _if_ended(up.call("GET", f"/tasks/{task}")))
    assert (done["status"], done["result"]) == ("succeeded", "Hello Ada")


def _if_ended(task: dict[str, Any]) -> dict[str, Any] | None:
    return task if task["status"] in ("succeeded", "failed", "canceled") else None


def test_tasks_survive_a_clean_stop(up: MakeUp, request: pytest.FixtureRequest) -> None:
    """The last test that finds the first one running."""
    task = up.call("POST", "/tasks", {"type": "demo.sleep", "payload": {"seconds": 0}})["id"]
    await_value(lambda: True if up.call("GET", f"/tasks/{task}")["status"] == "succeeded" else None)
    before = len(up.output)
    assert up.stop() == 0
    assert not (up.checkout / ".local" / "endpoints.json").exists()
    assert "Traceback" not in up.output[before:]
    again: MakeUp = request.getfixturevalue("up_again")
    assert again.call("GET", f"/tasks/{task}")["status"] == "succeeded"
    again.await_output("sweep_finished")  # at once: what the stop caught in the middle is due by now


def test_a_crash_of_the_embedded_aws_is_reported_and_ends_it(up_again: MakeUp) -> None:
    assert up_again.endpoints
    assert up_again.end_by(up_again.server, signal.SIGKILL) == 1
    assert "killed by SIGKILL" in up_again.output
    assert "Traceback" not in up_again.output


def test_a_kill_leaves_no_server_behind(checkout: Path) -> None:
    with make_up(checkout, free_port()) as up:
        assert up.endpoints
        family = up.family
        up.kill()
    await_value(lambda: None if family & {pid for pid, _, _ in processes()} else True)
