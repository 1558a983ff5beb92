"""Executes the effects of a client's operations from a script, without a network and with its own clock.

player = EffectPlayer(Response(status=503), Response(status=200, body=TASK))
task = player.perform(Operations(clock=player.clock).get("…"))
assert player.slept == [0.25]
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable
from typing import Any, TypeVar

from task_service_client._base_client import Operations
from task_service_client._effects import (
    Connect,
    Emit,
    Execution,
    Receive,
    Request,
    Response,
    Send,
    SendMessage,
    Sleep,
)
from task_service_client._errors import SocketLost, Unreachable

T = TypeVar("T")

TASK_ID = "01a20bfe-0000-7000-8000-000000000001"
OTHER_ID = "01a20bff-0000-7000-8000-000000000002"
#: The `Date` header of responses.
DATE = {"date": "Tue, 24 Nov 2026 09:00:00 GMT"}
LOST = SocketLost("scripted")


def task(version: int, status: str = "running", **fields: Any) -> dict[str, Any]:
    """The JSON of a task."""
    return {"id": TASK_ID, "type": "demo.sleep", "status": status, "version": version, **fields}


def ok(body: Any, **headers: str) -> Response:
    """200 with a body."""
    return Response(status=200, body=body, headers={**DATE, **headers})


def problem(status: int, code: str = "scripted", **headers: str) -> Response:
    """A problem document."""
    return Response(status=status, body={"code": code, "detail": "It is scripted."}, headers=headers)


def ticket(name: str = "a") -> Response:
    """201 with a ticket."""
    return Response(status=201, body={"url": f"wss://service/?ticket={name}"}, headers=DATE)


def frame(*tasks: dict[str, Any]) -> str:
    """A frame with one task, or with several."""
    if len(tasks) == 1:
        return json.dumps({"type": "task", "task": tasks[0]})
    return json.dumps({"type": "tasks", "tasks": tasks})


def synced(since: str | None = None) -> str:
    """The last frame after `sync`; with `since`, more tasks follow after another `sync`."""
    return json.dumps({"type": "synced", "more": since is not None, "since": since})


SYNCED = synced()
#: No message arrives before the receive times out.
SILENCE = None


class EffectPlayer:
    """Returns the scripted responses and frames, in order."""

    def __init__(self, *answers: Response | Unreachable, sockets: Iterable[Any] = ()) -> None:
        """Each of `sockets` is a list of frames and SILENCE before the connection is lost, or LOST."""
        self.requests: list[Request] = []
        self.slept: list[float] = []
        self.urls: list[str] = []  #: of the opened WebSockets
        self.sent_messages: list[dict[str, Any]] = []  #: on WebSockets
        self.now = 0.0
        self._answers = [*answers]
        self._sockets = [*sockets]
        self._frames: list[Any] = []

    def clock(self) -> float:
        """Seconds since the start; sleeping and silence advance it."""
        return self.now

    def operations(self, draw: float = 1.0) -> Operations:
        """Operations with this clock and a fixed random number."""
        return Operations(draw=lambda: draw, clock=self.clock)

    def perform(self, steps: Generator[Any, Any, T]) -> T:
        """The result of an operation."""
        execution = Execution(steps)
        assert not [*self._executed(execution)]
        return execution.result  # type: ignore[return-value]

    def emitted(self, stream: Generator[Any, Any, None]) -> Generator[Any, None, None]:
        """The values that an operation emits."""
        return self._executed(Execution(stream))

    def _executed(self, execution: Execution[Any]) -> Generator[Any, None, None]:
        while (effect := execution.next()) is not None:
            if isinstance(effect, Emit):
                yield effect.value
                execution.answer()
                continue
            try:
                execution.answer(self._answer(effect))
            except (Unreachable, SocketLost) as error:
                execution.fail(error)

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
            case SendMessage(text):
                self.sent_messages.append(json.loads(text))
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
