"""A person with wscat sees what happens to the tasks, without sending a word."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.conftest import ROOT, Service, await_value

INSTALLED = next(iter((ROOT / ".tools").glob("wscat-*/node_modules/.bin/wscat")), None)
WSCAT = INSTALLED if INSTALLED and shutil.which("node") else shutil.which("wscat")

pytestmark = pytest.mark.skipif(WSCAT is None, reason="wscat is not installed: `make test` does it with npm")


class Screen:
    """A terminal of its own for wscat, which shows less when it has none."""

    def __init__(self, *command: str) -> None:
        self._keyboard_and_screen, terminal = pty.openpty()
        self._process = subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=terminal)
        os.close(terminal)
        self._shown = b""

    @property
    def text(self) -> str:
        """All that was shown so far."""
        while select.select([self._keyboard_and_screen], [], [], 0)[0]:
            self._shown += os.read(self._keyboard_and_screen, 65536)
        return self._shown.decode(errors="replace")

    def updates(self, task_id: str) -> list[dict[str, Any]]:
        """The frames about this task, oldest first."""
        frames = [json.loads(frame) for frame in re.findall(r"< (\{.*\})", self.text)]
        return [frame["task"] for frame in frames if frame["task"]["id"] == task_id]

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._keyboard_and_screen)


@pytest.fixture
def screen(service: Service) -> Iterator[Screen]:
    bearer = f"Authorization: Bearer {service.endpoints.token}"
    screen = Screen(str(WSCAT), "--no-color", "--header", bearer, "--connect", service.endpoints.websocket)
    try:
        await_value(lambda: True if "Connected" in screen.text else None)
        yield screen
    finally:
        screen.close()


def test_every_step_of_a_task_appears_with_a_rising_version(service: Service, screen: Screen) -> None:
    task_id = service.post("demo.sleep", {"seconds": 0.3, "steps": 3})["id"]

    def all_updates() -> list[dict[str, Any]] | None:
        updates = screen.updates(task_id)
        return updates if any(task["status"] == "succeeded" for task in updates) else None

    newest: dict[int, str] = {task["version"]: task["status"] for task in await_value(all_updates)}
    statuses = [newest[version] for version in sorted(newest)]
    assert sorted(newest) == list(range(1, len(newest) + 1))
    assert (statuses[0], statuses[1], statuses[-1]) == ("queued", "running", "succeeded")
