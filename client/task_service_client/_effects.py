"""Effects: the requests, waits and messages that an operation yields.

Every operation is written once, as a generator that yields effects and receives their results. `_client.py`
executes the effects with blocking calls, `_async_client.py` with asyncio.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Generic, TypeAlias, TypeVar

from task_service_client._errors import SocketLost, Unreachable

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """An HTTP request. `path` is appended to the URL of the service."""

    method: str
    path: str
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Any = None  #: sent as JSON unless it is None
    headers: Mapping[str, str] = field(default_factory=dict)
    repeatable: bool = False  #: sending it twice has the same effect as once
    patience_seconds: float = 0.0  #: added to the timeout


@dataclass(frozen=True, kw_only=True, slots=True)
class Response:
    """The response to a request. The names of headers are in lower case."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None  #: the decoded JSON; the text if it is not JSON


@dataclass(frozen=True, slots=True)
class Send:
    """Send a request. Result: Response. Raises: Unreachable."""

    request: Request


@dataclass(frozen=True, slots=True)
class Sleep:
    """Wait. Result: None."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Connect:
    """Open a WebSocket, after closing an open one. Result: None. Raises: SocketLost."""

    url: str


@dataclass(frozen=True, slots=True)
class SendMessage:
    """Send a message on the WebSocket. Result: None. Raises: SocketLost."""

    text: str


@dataclass(frozen=True, slots=True)
class Receive:
    """Wait for a message on the WebSocket. Result: its text, or None after `seconds`. Raises: SocketLost."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Emit(Generic[T]):
    """Yield a value to the caller. Result: None."""

    value: T


Effect: TypeAlias = Send | Sleep | Connect | SendMessage | Receive
#: Yields effects and returns a T.
Steps: TypeAlias = Generator[Effect, Any, T]
#: Yields effects and emits values of T.
Stream: TypeAlias = Generator[Effect | Emit[T], Any, None]


class Execution(Generic[T]):
    """A running operation: `next` returns its next effect, `answer` and `fail` pass the result to it."""

    def __init__(self, steps: Generator[Any, Any, T]) -> None:
        self._steps = steps
        self._resume: Callable[[], Any] = partial(next, steps)
        self.result: T | None = None  #: set when there is no further effect

    def next(self) -> Any:
        """The next effect, or None when the operation has ended."""
        try:
            return self._resume()
        except StopIteration as end:
            self.result = end.value
            return None

    def answer(self, value: Any = None) -> None:
        """Pass the result of the effect to the operation."""
        self._resume = partial(self._steps.send, value)

    def fail(self, error: Unreachable | SocketLost) -> None:
        """Raise the error of the effect in the operation."""
        self._resume = partial(self._steps.throw, error)


def consume(stream: Stream[T], handle: Callable[[T], bool]) -> Steps[None]:
    """Pass the values of a stream to `handle`, until `handle` returns True or the stream ends."""
    execution = Execution(stream)
    with closing(stream):
        while (effect := execution.next()) is not None:
            if isinstance(effect, Emit):
                if handle(effect.value):
                    return
                execution.answer()
                continue
            try:
                answer = yield effect
            except (Unreachable, SocketLost) as error:
                execution.fail(error)
            else:
                execution.answer(answer)
