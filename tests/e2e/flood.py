"""Updates for the dashboard as fast as a test wants them, through a WebSocket of its own."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from playwright.sync_api import Page, WebSocketRoute

#: So many tasks fit into a frame of 32 KB.
_TASKS_A_FRAME = 25
_STATUSES = ("queued", "running", "running", "succeeded")


class Flood:
    """Stands between page and service: what the page asks is answered, and what it sees comes from here."""

    def __init__(self, page: Page) -> None:
        self._socket: WebSocketRoute | None = None
        self._made = 0
        page.route_web_socket(lambda url: "ticket=" in url, self._connected)

    def _connected(self, socket: WebSocketRoute) -> None:
        self._socket = socket
        socket.on_message(lambda message: self._answer(socket, json.loads(message)))

    def _answer(self, socket: WebSocketRoute, message: dict[str, Any]) -> None:
        synced = {"type": "synced", "more": False, "since": None}
        socket.send(json.dumps(synced if message["action"] == "sync" else {"type": "pong"}))

    def send(self, *, tasks: int, versions: int) -> None:
        """`versions` updates of each of `tasks` new tasks."""
        numbers = range(self._made, self._made + tasks)
        self._made += tasks
        for version in range(1, versions + 1):
            for start in range(0, tasks, _TASKS_A_FRAME):
                chunk = numbers[start : start + _TASKS_A_FRAME]
                frame = {"type": "tasks", "tasks": [_task(number, version, versions) for number in chunk]}
                assert self._socket is not None
                self._socket.send(json.dumps(frame))


def _task(number: int, version: int, versions: int) -> dict[str, Any]:
    """The public task `number` in one of its versions; the last one is final."""
    status = _STATUSES[-1] if version == versions else _STATUSES[min(version - 1, 2)]
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    started = None if status == "queued" else now
    return {
        "id": f"{0x01A20CBD0000 + number:012x}"[:8] + f"-{number % 0x10000:04x}-7000-8000-{number:012x}",
        "type": "demo.sleep",
        "status": status,
        "version": version,
        "error": None,
        "progress": {"percent": 25.0 * version, "message": f"step {version}"} if started else None,
        "attempt": 1 if started else 0,
        "max_attempts": 3,
        "timeout_seconds": 100.0,
        "tags": ["flood"],
        "created_at": now,
        "updated_at": now,
        "queued_at": now,
        "started_at": started,
        "finished_at": now if status == "succeeded" else None,
        "run_at": now,
        "expires_at": None,
        "lease_until": None,
        "cancel_requested": False,
        "redrive_count": 0,
        "dead_lettered_at": None,
        "payload": {"seconds": 1, "steps": 4},
        "result": {"slept_seconds": 1} if status == "succeeded" else None,
        "attempts": [],
    }
