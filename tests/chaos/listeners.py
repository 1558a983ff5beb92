"""WebSocket clients that drop, connect again and sync, and keep the highest version of each task."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any, Final, Self

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from chalicelib.domain.ids import earliest_id
from tests.chaos.history import History, Update, tasks_in

ANSWER_SECONDS: Final = 20.0
#: How many tasks the service compares in one sync.
_SYNC: Final = 100


class Dropped(Exception):
    """The connection is lost."""


@dataclass
class Listener:
    """One client. Its `tasks` must end up equal to what is stored."""

    name: str
    url: str
    token: str
    history: History
    random: Random
    owner: str
    type: str | None = None  #: the only task type that it watches
    steady: bool = False  #: drops no connection
    tasks: dict[str, Update] = field(default_factory=dict)  #: the highest version of each
    connections: int = 0
    drops: int = 0  #: connections that it dropped
    synced: bool = False  #: on the current connection
    #: All older tasks are known: the newest task when the last sync began, or the last one of that sync.
    since: str = field(default_factory=lambda: earliest_id(datetime.now(UTC)))
    _answers: asyncio.Queue[Mapping[str, Any]] = field(default_factory=asyncio.Queue)

    async def run(self) -> None:
        """Stay connected: reconnect after each loss."""
        while True:
            try:
                await self._stay()
            except* (Dropped, OSError, WebSocketException, TimeoutError):
                self.synced = False
            await asyncio.sleep(self.random.uniform(0.1, 1))

    async def _stay(self) -> None:
        header = {"Authorization": f"Bearer {self.token}"}
        # No WebSocket pings: a busy emulator answers them late.
        async with (
            connect(
                self.url,
                additional_headers=header,
                proxy=None,
                open_timeout=ANSWER_SECONDS,
                close_timeout=1,
                ping_interval=None,
                max_queue=None,
            ) as socket,
            asyncio.TaskGroup() as group,
        ):
            self.connections += 1
            self._answers = asyncio.Queue()
            group.create_task(self._receive(socket))
            group.create_task(self._sync(socket))
            group.create_task(self._drop(socket))

    async def _receive(self, socket: ClientConnection) -> None:
        async for text in socket:
            frame = _read(text)
            for task in tasks_in(frame):
                update = Update.of(task)
                self.history.note(task["id"], update)
                known = self.tasks.get(task["id"])
                if known is None or update.version > known.version:
                    self.tasks[task["id"]] = update
            if frame["type"] in ("synced", "error"):
                self._answers.put_nowait(frame)
        raise Dropped

    async def _sync(self, socket: ClientConnection) -> None:
        """Request newer versions of known tasks, and tasks created since the last sync began."""
        newest = max(self.tasks, default=self.since)
        known = {
            task_id: update.version for task_id, update in self.tasks.items() if update.status != "succeeded"
        }
        while known:
            part = dict(list(known.items())[:_SYNC])
            await self._ask(socket, tasks=part)
            known = {task_id: version for task_id, version in known.items() if task_id not in part}
        answer: Mapping[str, Any] = {"more": True, "since": self.since}
        while answer["more"]:
            answer = await self._ask(socket, since=answer["since"])
            if answer["more"]:  # an unfinished sync goes on from here
                self.since = answer["since"].rstrip("+")
        self.since = max(self.since, newest)
        self.synced = True

    async def _ask(self, socket: ClientConnection, **question: Any) -> Mapping[str, Any]:
        await socket.send(json.dumps({"action": "sync", **question}))
        answer = await asyncio.wait_for(self._answers.get(), ANSWER_SECONDS)
        if answer["type"] == "error":
            raise Dropped(answer)
        return answer

    async def _drop(self, socket: ClientConnection) -> None:
        await asyncio.sleep(self.random.uniform(4, 30))
        if not self.steady:
            self.drops += 1
            socket.transport.abort()


def _read(text: str | bytes) -> Mapping[str, Any]:
    """The frame in a text. Raises: Dropped for the gateway's own message that a function failed."""
    try:
        frame = json.loads(text)
    except ValueError:
        raise Dropped(text) from None
    if not isinstance(frame, dict) or "type" not in frame:
        raise Dropped(text)
    return frame


class Listeners:
    """Clients in their own thread."""

    def __init__(self, listeners: Sequence[Listener]) -> None:
        self.all = listeners
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self._started = threading.Event()
        self._loop: asyncio.AbstractEventLoop
        self._over: asyncio.Event

    def __enter__(self) -> Self:
        self._thread.start()
        self._started.wait()
        return self

    def __exit__(self, *_: object) -> None:
        if self.alive:
            self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()

    @property
    def alive(self) -> bool:
        """Is every client without an unexpected error?"""
        return self._thread.is_alive()

    async def _run(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        self._started.set()
        running = [asyncio.create_task(listener.run()) for listener in self.all]
        over = asyncio.create_task(self._over.wait())
        await asyncio.wait({over, *running}, return_when=asyncio.FIRST_COMPLETED)
        for task in running:
            task.cancel()
        # A listener that ended without being cancelled had an unexpected error.
        for outcome in await asyncio.gather(*running, return_exceptions=True):
            if not isinstance(outcome, asyncio.CancelledError):
                raise RuntimeError("A listener broke.") from outcome

    def stop_drops(self) -> None:
        """Let no client drop its connection from now on."""
        for listener in self.all:
            listener.steady = True
