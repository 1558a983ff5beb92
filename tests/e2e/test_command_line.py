"""`tasks` and the Python client on the deployed stage, with and without a terminal."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import aclosing, contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from local.tokens import OWNER
from task_service_client import AsyncClient
from tests.e2e.conftest import PATIENCE_SECONDS, ROOT, Service, await_value

TASKS = str(Path(sys.executable).with_name("tasks"))


def environment(service: Service) -> dict[str, str]:
    """The environment with the address, the token and the client of this checkout."""
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT / "client"),
        "TASKS_URL": service.endpoints.http,
        "TASKS_TOKEN": service.endpoints.token,
    }


def tasks(service: Service, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run one command without a terminal."""
    return subprocess.run(
        [TASKS, *arguments],
        check=False,
        env=environment(service),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )


def on_a_terminal(service: Service, *arguments: str) -> tuple[int, str]:
    """The exit code of a command and its output on a terminal."""
    screen, terminal = pty.openpty()
    process = subprocess.Popen(
        [TASKS, *arguments],
        env={**environment(service), "TERM": "xterm-256color", "COLUMNS": "120"},
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
    )
    os.close(terminal)
    output = bytearray()
    with suppress(OSError):  # raised when the command has closed the terminal
        while chunk := os.read(screen, 65_536):
            output += chunk
    os.close(screen)
    return process.wait(PATIENCE_SECONDS), output.decode(errors="replace")


@contextmanager
def interruptible() -> Iterator[None]:
    """Processes that start in this context end on SIGINT.

    A background job of a shell script ignores SIGINT, and so do its child processes otherwise.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class TestRun:
    def test_a_result_is_printed_as_json_and_the_code_is_0(self, service: Service) -> None:
        ran = tasks(service, "run", "demo.sleep", "seconds=0.2", "steps=2", "--wait")
        assert (ran.returncode, json.loads(ran.stdout)) == (0, {"slept_seconds": 0.2})
        assert "succeeded" in ran.stderr

    def test_a_terminal_has_a_progress_bar(self, service: Service) -> None:
        code, output = on_a_terminal(service, "run", "demo.sleep", "seconds=2", "steps=4", "--wait")
        assert code == 0
        assert "running" in output
        assert re.search(r"step \d of 4", output)  # fast steps may be skipped
        assert "slept_seconds" in output

    def test_a_failed_task_is_1_with_its_error(self, service: Service) -> None:
        ran = tasks(service, "run", "demo.fail", "message=disk full", "--max-attempts", "1", "--wait")
        assert (ran.returncode, ran.stdout) == (1, "")
        assert "FailedOnPurpose: disk full" in ran.stderr
        assert "Traceback" not in ran.stderr

    def test_a_wait_for_a_canceled_task_is_3(self, service: Service) -> None:
        task_id = service.post("demo.sleep", {"seconds": 0}, delay_seconds=3600)["id"]
        assert service.call("POST", f"/tasks/{task_id}/cancel").status == 200
        assert tasks(service, "wait", task_id).returncode == 3

    def test_a_wait_that_times_out_is_4(self, service: Service) -> None:
        ran = tasks(service, "run", "demo.sleep", "seconds=0", "--delay", "1h", "-w", "--timeout", "1s")
        assert ran.returncode == 4
        assert "still scheduled" in ran.stderr

    def test_a_wrong_payload_is_2_and_points_to_the_field(self, service: Service) -> None:
        ran = tasks(service, "run", "demo.sleep", "seconds=long")
        assert ran.returncode == 2
        assert ran.stderr.splitlines()[1].startswith("  /payload/seconds: ")


class TestConfiguration:
    def test_a_stage_that_runs_in_this_directory_is_found(self, service: Service, tmp_path: Path) -> None:
        (tmp_path / ".local").mkdir()
        service.endpoints.write(tmp_path / ".local" / "endpoints.json")
        environ = {**os.environ, "PYTHONPATH": str(ROOT / "client")}
        command = [TASKS, "types", "--json"]
        ran = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=True)
        assert "demo.sleep" in {each["name"] for each in json.loads(ran.stdout)}


class TestWatch:
    @pytest.fixture
    def watching(self, service: Service) -> Iterator[Callable[[], list[Any]]]:
        """Starts `tasks watch --json` and returns its output so far. Ctrl-C ends it without a message."""
        with interruptible():
            process = subprocess.Popen(
                [TASKS, "watch", "--json"],
                env=environment(service),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        stdout, stderr = process.stdout, process.stderr
        assert stdout is not None
        assert stderr is not None
        lines: list[Any] = []
        reader = Thread(target=lambda: lines.extend(map(json.loads, stdout)))
        reader.start()
        with process:  # closes its pipes
            try:
                assert stderr.readline() == "watching\n"
                yield lambda: [*lines]
                process.send_signal(signal.SIGINT)
                assert process.wait(PATIENCE_SECONDS) == 130
                assert stderr.read() == ""
            finally:
                process.kill()
                reader.join()

    def test_each_version_is_a_line(self, service: Service, watching: Callable[[], list[Any]]) -> None:
        task_id = service.post("demo.sleep", {"seconds": 0, "steps": 1})["id"]

        def all_versions() -> list[Any] | None:
            mine = [line for line in watching() if line["id"] == task_id]
            return mine if mine and mine[-1]["status"] == "succeeded" else None

        versions = [line["version"] for line in await_value(all_versions)]
        assert versions == sorted(set(versions))


class TestReconnecting:
    def test_nothing_is_missed_while_the_connection_is_cut(self, service: Service) -> None:
        """Given a watch whose connection is cut, it yields the updates of a task that was created then."""
        asyncio.run(asyncio.wait_for(self._watch_and_cut(service), PATIENCE_SECONDS))

    async def _watch_and_cut(self, service: Service) -> None:
        reported: list[bool] = []
        async with AsyncClient(service.endpoints.http, service.endpoints.token) as client:

            def report(connected: bool) -> None:
                reported.append(connected)
                if not connected:  # before the client connects again
                    missed.append(service.post("demo.sleep", {"seconds": 0, "steps": 1})["id"])

            missed: list[str] = []
            first = await client.create("demo.sleep", {"seconds": 0, "steps": 1})
            updates = client.watch(known=[first], on_connection=report)
            async with aclosing(updates):
                async for update in updates:
                    if update.id == first.id and update.finished and not missed:
                        assert await asyncio.to_thread(service.cut_connections, OWNER) == 1
                    if missed and update.id == missed[0] and update.finished:
                        break
        assert reported[:2] == [True, False]
