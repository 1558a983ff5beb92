"""What an operation asks of the outside, and gets back.

Every operation is written once, as a generator that yields these and is sent their answers. `client.py`
performs them by blocking, `async_client.py` by awaiting.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Generic, TypeAlias, TypeVar

from task_service_client.errors import SocketLost, Unreachable

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """An HTTP request, its path below the service's URL."""

    method: str
    path: str
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Any = None  #: sent as JSON, unless it is None
    headers: Mapping[str, str] = field(default_factory=dict)
    repeatable: bool = False  #: sending it twice is as good as once
    patience_seconds: float = 0.0  #: the service may take this much longer than usual


@dataclass(frozen=True, kw_only=True, slots=True)
class Response:
    """The answer to a request; names of headers are in lower case."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None  #: the JSON; text when it is none


@dataclass(frozen=True, slots=True)
class Send:
    """Send a request → Response. Raises: Unreachable."""

    request: Request


@dataclass(frozen=True, slots=True)
class Sleep:
    """Wait → None."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Connect:
    """Open a WebSocket in place of the one that is open → None. Raises: SocketLost."""

    url: str


@dataclass(frozen=True, slots=True)
class Say:
    """Send a message on the WebSocket → None. Raises: SocketLost."""

    text: str


@dataclass(frozen=True, slots=True)
class Receive:
    """Wait for a message on the WebSocket → its text, or None after `seconds`. Raises: SocketLost."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Emit(Generic[T]):
    """Hand a value to who iterates → None."""

    value: T


Effect: TypeAlias = Send | Sleep | Connect | Say | Receive
#: Performs effects and returns a T.
Steps: TypeAlias = Generator[Effect, Any, T]
#: Performs effects and emits values of T.
Stream: TypeAlias = Generator[Effect | Emit[T], Any, None]


class Performance(Generic[T]):
    """Steps under way: take the next effect, perform it, answer it."""

    def __init__(self, steps: Generator[Any, Any, T]) -> None:
        self._steps = steps
        self._act: Callable[[], Any] = partial(next, steps)
        self.result: T | None = None  #: once there is no further effect

    def next(self) -> Any:
        """The next effect, or None at the end."""
        try:
            return self._act()
        except StopIteration as end:
            self.result = end.value
            return None

    def answer(self, value: Any = None) -> None:
        """The effect was performed."""
        self._act = partial(self._steps.send, value)

    def fail(self, error: Unreachable | SocketLost) -> None:
        """The effect could not be performed."""
        self._act = partial(self._steps.throw, error)


def consume(stream: Stream[T], take: Callable[[T], bool]) -> Steps[None]:
    """Perform what a stream asks for, and hand what it emits to `take`, until that says True or it ends."""
    performance = Performance(stream)
    with closing(stream):
        while (effect := performance.next()) is not None:
            if isinstance(effect, Emit):
                if take(effect.value):
                    return
                performance.answer()
                continue
            try:
                answer = yield effect
            except (Unreachable, SocketLost) as error:
                performance.fail(error)
            else:
                performance.answer(answer)
