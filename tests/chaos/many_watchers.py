"""500 clients watch one owner's tasks: measures the delay of each update."""

from __future__ import annotations

import asyncio
import json
import statistics
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from tests.chaos.history import tasks_in
from tests.chaos.poster import Api
from tests.chaos.report import Report
from tests.chaos.stage import ChaosError, Stage, await_true
from tests.chaos.stored import stored_tasks

OWNER: Final = "watched"
CLIENTS: Final = 500
UPDATES: Final = 1000
#: Stored versions of one task that succeeds at once: queued, running, progress, succeeded.
_VERSIONS: Final = 4
#: Tasks in a post, and the time between two posts.
_POST: Final = 25
_EVERY_SECONDS: Final = 2.0
#: More than the default of 500: a connection that broke while it opened counts for a while.
ENVIRONMENT: Final = {"CONNECTIONS": "1000"}
CONNECT_SECONDS: Final = 40.0
END_SECONDS: Final = 90.0
CONVERGE_SECONDS: Final = 30.0
_AT_ONCE: Final = 20


class Watchers:
    """Clients with ?batch=1 in one thread. All get the same frames, so each frame is parsed once."""

    def __init__(self, url: str, token: str) -> None:
        self.versions: list[dict[str, int]] = [{} for _ in range(CLIENTS)]
        self.delays: list[float] = []  #: seconds from stored to received, of each task in each frame
        self.frames = 0
        self.connected: set[int] = set()
        self.lost = 0  #: connections that ended early
        self._url, self._token = url, token
        self._read: dict[str, list[tuple[str, int, float]]] = {}
        self._recent: deque[str] = deque()

    @contextmanager
    def connected_all(self) -> Iterator[None]:
        """Keep all clients connected during the block."""
        loop = asyncio.new_event_loop()
        over = asyncio.Event()
        thread = threading.Thread(target=lambda: loop.run_until_complete(self._run(over)))
        thread.start()
        try:
            if not await_true(lambda: len(self.connected) == CLIENTS, CONNECT_SECONDS, 0.1):
                raise ChaosError(f"{len(self.connected)} of {CLIENTS} clients connected.")
            yield
        finally:
            loop.call_soon_threadsafe(over.set)
            thread.join()
            loop.close()

    async def _run(self, over: asyncio.Event) -> None:
        turns = asyncio.Semaphore(_AT_ONCE)
        clients = [asyncio.create_task(self._listen(number, turns)) for number in range(CLIENTS)]
        await over.wait()
        for client in clients:
            client.cancel()
        await asyncio.gather(*clients, return_exceptions=True)

    async def _listen(self, number: int, turns: asyncio.Semaphore) -> None:
        header = {"Authorization": f"Bearer {self._token}"}
        options: dict[str, Any] = {
            "proxy": None,
            "ping_interval": None,
            "close_timeout": 1,
            "max_queue": None,
        }
        while number not in self.connected:
            try:
                async with turns:
                    socket = await connect(
                        f"{self._url}?batch=1", additional_headers=header, open_timeout=20, **options
                    )
            except (OSError, WebSocketException, TimeoutError):
                continue
            self.connected.add(number)
            async with socket:
                async for text in socket:
                    self._receive(self.versions[number], str(text))
                self.lost += 1

    def _receive(self, known: dict[str, int], text: str) -> None:
        received = time.time()
        self.frames += 1
        for task_id, version, stored in self._updates(text):
            self.delays.append(received - stored)
            if version > known.get(task_id, 0):
                known[task_id] = version

    def _updates(self, text: str) -> list[tuple[str, int, float]]:
        if text not in self._read:
            self._read[text] = [
                (task["id"], task["version"], datetime.fromisoformat(task["updated_at"]).timestamp())
                for task in tasks_in(json.loads(text))
            ]
            self._recent.append(text)
            if len(self._recent) > 100:
                self._read.pop(self._recent.popleft(), None)
        return self._read[text]


def measure(stage: Stage, report: Report) -> int:
    """Measure it on a stage. Returns how many clients do not hold what is stored."""
    watchers = Watchers(stage.endpoints.websocket, stage.token(OWNER))
    api = Api(stage.endpoints.http, stage.token(OWNER))
    began = time.monotonic()
    with watchers.connected_all():
        connected = time.monotonic() - began
        posted = _post_all(api)
        ended = await_true(lambda: _all_ended(stage, posted), END_SECONDS)
        last = time.monotonic()
        expected = _versions(stage)
        await_true(lambda: not _behind(watchers, expected), CONVERGE_SECONDS, 0.05)
        behind = _behind(watchers, expected)
        caught_up = time.monotonic() - last
    cuts = statistics.quantiles(watchers.delays, n=100)
    report.show(
        f"Watchers: {CLIENTS} clients with ?batch=1, {sum(expected.values())} updates of {posted} tasks",
        {
            "all connected after": f"{connected:.1f} s",
            "frames": f"{watchers.frames}, {len(watchers.delays)} updates in them",
            "delay from stored to received": f"p50 {cuts[49]:.2f} s, p99 {cuts[98]:.2f} s, "
            f"most {max(watchers.delays):.2f} s",
            "all equal after the last change": f"{caught_up:.1f} s",
            "connections lost": watchers.lost,
            "tasks that did not end": 0 if ended else "some",
            "clients that differ from the table": f"{behind} of {CLIENTS}",
        },
    )
    return behind + (not ended)


def _post_all(api: Api) -> int:
    """Post tasks at an even pace until they make UPDATES updates. Returns how many tasks."""
    pace = threading.Event()
    tasks = UPDATES // _VERSIONS
    body = {"type": "demo.sleep", "payload": {"seconds": 0, "steps": 1}, "tags": [OWNER]}
    for _ in range(tasks // _POST):
        status, _, answer = api.call("POST", "/tasks/batch", {"tasks": [body] * _POST})
        if status != 207 or any(result["status"] != 201 for result in answer["results"]):
            raise ChaosError(f"The response to a batch was {status}.")
        pace.wait(_EVERY_SECONDS)
    return tasks


def _versions(stage: Stage) -> Mapping[str, int]:
    return {task.id: task.version for task in stored_tasks(stage).values() if task.owner == OWNER}


def _all_ended(stage: Stage, posted: int) -> bool:
    tasks = [task for task in stored_tasks(stage).values() if task.owner == OWNER]
    return len(tasks) == posted and all(task.terminal for task in tasks)


def _behind(watchers: Watchers, expected: Mapping[str, int]) -> int:
    return sum(versions != expected for versions in watchers.versions)
