"""Plays the outside for a client's operations: no network, and time passes only where one waits.

outside = Outside(Response(status=503), Response(status=200, body=TASK))
task = outside.perform(Operations(clock=outside.clock).get("…"))
assert outside.slept == [0.25]
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable
from typing import Any, TypeVar

from task_service_client.effects import (
    Connect,
    Emit,
    Performance,
    Receive,
    Request,
    Response,
    Say,
    Send,
    Sleep,
)
from task_service_client.errors import SocketLost, Unreachable
from task_service_client.shell import Operations

T = TypeVar("T")

TASK_ID = "01a20bfe-0000-7000-8000-000000000001"
OTHER_ID = "01a20bff-0000-7000-8000-000000000002"
#: The service's clock, in 2026.
DATE = {"date": "Tue, 24 Nov 2026 09:00:00 GMT"}
LOST = SocketLost("scripted")


def task(version: int, status: str = "running", **fields: Any) -> dict[str, Any]:
    """The JSON of a task."""
    return {"id": TASK_ID, "type": "demo.sleep", "status": status, "version": version, **fields}


def ok(body: Any, **headers: str) -> Response:
    """200 with a body."""
    return Response(status=200, body=body, headers={**DATE, **headers})


def problem(status: int, code: str = "scripted", **headers: str) -> Response:
    """A refusal."""
    return Response(status=status, body={"code": code, "detail": "It is scripted."}, headers=headers)


def ticket(name: str = "a") -> Response:
    """201 with a ticket."""
    return Response(status=201, body={"url": f"wss://service/?ticket={name}"}, headers=DATE)


def frame(*tasks: dict[str, Any]) -> str:
    """An update: one task, or several in one frame."""
    if len(tasks) == 1:
        return json.dumps({"type": "task", "task": tasks[0]})
    return json.dumps({"type": "tasks", "tasks": tasks})


def synced(since: str | None = None) -> str:
    """The end of an answer to sync; `since` says that there is more."""
    return json.dumps({"type": "synced", "more": since is not None, "since": since})


SYNCED = synced()
#: Nothing comes for as long as one listens.
SILENCE = None


class Outside:
    """Answers requests with `answers`, and every listening with what its connection has to say."""

    def __init__(self, *answers: Response | Unreachable, sockets: Iterable[Any] = ()) -> None:
        """Each of `sockets` is a list of frames and SILENCE, until it is lost; or LOST: no connection."""
        self.requests: list[Request] = []
        self.slept: list[float] = []
        self.urls: list[str] = []  #: that were connected to
        self.said: list[dict[str, Any]] = []  #: on WebSockets
        self.now = 0.0
        self._answers = [*answers]
        self._sockets = [*sockets]
        self._frames: list[Any] = []

    def clock(self) -> float:
        """Seconds since the beginning."""
        return self.now

    def operations(self, draw: float = 1.0) -> Operations:
        """Operations that live in this world."""
        return Operations(draw=lambda: draw, clock=self.clock)

    def perform(self, steps: Generator[Any, Any, T]) -> T:
        """What an operation returns."""
        performance = Performance(steps)
        assert not [*self._performed(performance)]
        return performance.result  # type: ignore[return-value]

    def emitted(self, stream: Generator[Any, Any, None]) -> Generator[Any, None, None]:
        """What an operation emits, one after the other."""
        return self._performed(Performance(stream))

    def _performed(self, performance: Performance[Any]) -> Generator[Any, None, None]:
        while (effect := performance.next()) is not None:
            if isinstance(effect, Emit):
                yield effect.value
                performance.answer()
                continue
            try:
                performance.answer(self._answer(effect))
            except (Unreachable, SocketLost) as error:
                performance.fail(error)

    def _answer(self, effect: Any) -> Any:
        match effect:
            case Send(request):
                self.requests.append(request)
                return _or_raise(self._answers.pop(0))
            case Sleep(seconds):
                self.slept.append(seconds)
                self.now += seconds
            case Connect(url):
                self.urls.append(url)
                self._frames = [*_or_raise(self._sockets.pop(0))]
            case Say(text):
                self.said.append(json.loads(text))
            case Receive(seconds):
                return self._receive(seconds)
        return None

    def _receive(self, seconds: float) -> str | None:
        if not self._frames:
            raise LOST
        text: str | None = self._frames.pop(0)
        if text is SILENCE:
            self.now += seconds
        return text


def _or_raise(scripted: Any) -> Any:
    if isinstance(scripted, Exception):
        raise scripted
    return scripted
