"""`tasks` and the Python client on the deployed stage: what a person types and sees."""

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
from contextlib import aclosing, suppress
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from local.tokens import OWNER
from task_service_client import AsyncClient
from tests.e2e.conftest import PATIENCE_SECONDS, ROOT, Service, await_value

TASKS = str(Path(sys.executable).with_name("tasks"))


def environment(service: Service) -> dict[str, str]:
    """Of a person who was told where the service is; the client is this checkout's."""
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT / "client"),
        "TASKS_URL": service.endpoints.http,
        "TASKS_TOKEN": service.endpoints.token,
    }


def tasks(service: Service, *arguments: str) -> subprocess.CompletedProcess[str]:
    """One command, without a terminal."""
    return subprocess.run(
        [TASKS, *arguments],
        check=False,
        env=environment(service),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )


def on_a_terminal(service: Service, *arguments: str) -> tuple[int, str]:
    """The exit code of a command, and all that it showed on a terminal of its own."""
    screen, terminal = pty.openpty()
    process = subprocess.Popen(
        [TASKS, *arguments],
        env={**environment(service), "TERM": "xterm-256color", "COLUMNS": "120"},
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
    )
    os.close(terminal)
    shown = bytearray()
    with suppress(OSError):  # a terminal that nobody writes to any more
        while chunk := os.read(screen, 65_536):
            shown += chunk
    os.close(screen)
    return process.wait(PATIENCE_SECONDS), shown.decode(errors="replace")


class TestRun:
    def test_a_result_is_printed_as_json_and_the_code_is_0(self, service: Service) -> None:
        ran = tasks(service, "run", "demo.sleep", "seconds=0.2", "steps=2", "--wait")
        assert (ran.returncode, json.loads(ran.stdout)) == (0, {"slept_seconds": 0.2})
        assert "succeeded" in ran.stderr

    def test_a_bar_moves_on_the_terminal(self, service: Service) -> None:
        code, shown = on_a_terminal(service, "run", "demo.sleep", "seconds=2", "steps=4", "--wait")
        assert code == 0
        assert "running" in shown
        assert re.search(r"step \d of 4", shown)  # some may be skipped where they follow fast
        assert "slept_seconds" in shown

    def test_a_failure_is_1_and_says_why(self, service: Service) -> None:
        ran = tasks(service, "run", "demo.fail", "message=disk full", "--max-attempts", "1", "--wait")
        assert (ran.returncode, ran.stdout) == (1, "")
        assert "FailedOnPurpose: disk full" in ran.stderr
        assert "Traceback" not in ran.stderr

    def test_a_canceled_task_is_3_for_who_waits(self, service: Service) -> None:
        task_id = service.post("demo.sleep", {"seconds": 0}, delay_seconds=3600)["id"]
        assert service.call("POST", f"/tasks/{task_id}/cancel").status == 200
        assert tasks(service, "wait", task_id).returncode == 3

    def test_who_waits_too_short_a_time_gets_4(self, service: Service) -> None:
        ran = tasks(service, "run", "demo.sleep", "seconds=0", "--delay", "1h", "-w", "--timeout", "1s")
        assert ran.returncode == 4
        assert "still scheduled" in ran.stderr

    def test_a_wrong_payload_is_2_and_points_to_the_field(self, service: Service) -> None:
        ran = tasks(service, "run", "demo.sleep", "seconds=long")
        assert ran.returncode == 2
        assert ran.stderr.splitlines()[1].startswith("  /payload/seconds: ")


class TestFinding:
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
        """`tasks watch --json`; what it has printed so far. Ends by Ctrl-C, without a word."""
        process = subprocess.Popen(
            [TASKS, "watch", "--json"],
            env=environment(service),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stderr.readline() == "watching\n"
        lines: list[Any] = []
        stdout = process.stdout
        reader = Thread(target=lambda: lines.extend(map(json.loads, stdout)))
        reader.start()
        yield lambda: [*lines]
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_SECONDS) == 130
        reader.join()
        assert process.stderr.read() == ""
        stdout.close()
        process.stderr.close()

    def test_each_version_is_a_line(self, service: Service, watching: Callable[[], list[Any]]) -> None:
        task_id = service.post("demo.sleep", {"seconds": 0, "steps": 1})["id"]

        def all_versions() -> list[Any] | None:
            mine = [line for line in watching() if line["id"] == task_id]
            return mine if mine and mine[-1]["status"] == "succeeded" else None

        versions = [line["version"] for line in await_value(all_versions)]
        assert versions == sorted(set(versions))


class TestReconnecting:
    def test_nothing_is_missed_while_the_connection_is_cut(self, service: Service) -> None:
        """Given a watcher whose connection is cut, when a task is made meanwhile, then it sees it all."""
        asyncio.run(asyncio.wait_for(self._watch_and_cut(service), PATIENCE_SECONDS))

    async def _watch_and_cut(self, service: Service) -> None:
        heard: list[bool] = []
        async with AsyncClient(service.endpoints.http, service.endpoints.token) as client:

            def hear(connected: bool) -> None:
                heard.append(connected)
                if not connected:  # before the client connects again
                    missed.append(service.post("demo.sleep", {"seconds": 0, "steps": 1})["id"])

            missed: list[str] = []
            first = await client.create("demo.sleep", {"seconds": 0, "steps": 1})
            updates = client.watch(known=[first], on_connection=hear)
            async with aclosing(updates):
                async for update in updates:
                    if update.id == first.id and update.finished and not missed:
                        assert await asyncio.to_thread(service.cut_connections, OWNER) == 1
                    if missed and update.id == missed[0] and update.finished:
                        break
        assert heard[:2] == [True, False]
