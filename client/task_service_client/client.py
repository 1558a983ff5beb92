"""The blocking client."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, ExitStack, closing
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Self, TypeVar, cast

import httpx
from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from task_service_client.effects import (
    Connect,
    Effect,
    Emit,
    Performance,
    Receive,
    Request,
    Response,
    Say,
    Send,
    Sleep,
    Steps,
    Stream,
)
from task_service_client.errors import SocketLost, Unreachable
from task_service_client.shell import Operations, Shell, lost, response_of

P = ParamSpec("P")
T = TypeVar("T")


def _blocking(
    operation: Callable[Concatenate[Operations, P], Steps[T]],
) -> Callable[Concatenate[Client, P], T]:
    """The method that performs an operation."""

    @wraps(operation)
    def method(self: Client, /, *args: P.args, **kwargs: P.kwargs) -> T:
        performance = Performance(operation(self._operations, *args, **kwargs))
        for _ in self._perform(performance):
            """Nothing is emitted by what returns."""
        return cast(T, performance.result)

    return method


def _iterating(
    operation: Callable[Concatenate[Operations, P], Stream[T]],
) -> Callable[Concatenate[Client, P], Generator[T, None, None]]:
    """The method that performs an operation and yields what it emits; close it, and the WebSocket ends."""

    @wraps(operation)
    def method(self: Client, /, *args: P.args, **kwargs: P.kwargs) -> Generator[T, None, None]:
        return self._perform(Performance(operation(self._operations, *args, **kwargs)))

    return method


class Client(Shell):
    """The Task Processing Service, for code that blocks.

        with Client() as client:
            task = client.run("csv.profile", {"csv": text}).raise_for_status()
            print(task.result)

    `url` and `token` are those given, else TASKS_URL and TASKS_TOKEN, else those of a local stage that runs
    in this directory or above. A token that is a function is asked before each call. `owner` is for
    administrators. One call takes at most `timeout` seconds, and is tried again as `retries` say where that
    is safe. May be shared by threads.

    Raises: NotConfigured.
    """

    def __init__(self, *args: Any, transport: httpx.BaseTransport | None = None, **options: Any) -> None:
        super().__init__(*args, **options)
        self._http = httpx.Client(transport=transport, follow_redirects=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the connections that are kept open."""
        self._http.close()

    create = _blocking(Operations.create)
    create_many = _blocking(Operations.create_many)
    run = _blocking(Operations.run)
    get = _blocking(Operations.get)
    list = _iterating(Operations.list)
    wait = _blocking(Operations.wait)
    watch = _iterating(Operations.watch)
    cancel = _blocking(Operations.cancel)
    retry = _blocking(Operations.retry)
    delete = _blocking(Operations.delete)
    explain = _blocking(Operations.explain)
    task_types = _blocking(Operations.task_types)
    pause = _blocking(Operations.pause)
    resume = _blocking(Operations.resume)
    stats = _blocking(Operations.stats)
    dead_letter_groups = _blocking(Operations.dead_letter_groups)
    dead_letters = _iterating(Operations.dead_letters)
    preview_redrive = _blocking(Operations.preview_redrive)
    redrive = _blocking(Operations.redrive)
    get_redrive = _blocking(Operations.get_redrive)
    redrives = _iterating(Operations.redrives)
    abort_redrive = _blocking(Operations.abort_redrive)
    wait_for_redrive = _blocking(Operations.wait_for_redrive)

    def _perform(self, performance: Performance[Any]) -> Generator[Any, None, None]:
        """Yield what is emitted, perform the rest."""
        with closing(_Line(self)) as line:
            while (effect := performance.next()) is not None:
                if isinstance(effect, Emit):
                    yield effect.value
                    performance.answer()
                    continue
                try:
                    performance.answer(line.perform(effect))
                except (Unreachable, SocketLost) as error:
                    performance.fail(error)

    def send(self, request: Request) -> Response:
        """The answer to one request, whatever it says. Raises: Unreachable."""
        try:
            return response_of(self._http.request(**self._arguments(request)))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self._unreachable(error) from error

    def socket(self, url: str) -> AbstractContextManager[ClientConnection]:
        """A WebSocket, open while the context lasts. Raises, on entering: OSError, WebSocketException."""
        opened: AbstractContextManager[ClientConnection] = connect(url, **self._websocket_options())
        return opened


class _Line:
    """Performs the effects of one operation, on one WebSocket at a time."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._open = ExitStack()  #: closes the WebSocket, if there is one
        self._socket: ClientConnection | None = None

    def perform(self, effect: Effect) -> Any:
        """The answer to an effect. Raises: Unreachable, SocketLost."""
        match effect:
            case Send(request):
                return self._client.send(request)
            case Sleep(seconds):
                return time.sleep(seconds)
            case Connect(url):
                return self._connect(url)
            case Say() | Receive():
                return self._talk(effect)

    def _connect(self, url: str) -> None:
        self.close()
        try:
            self._socket = self._open.enter_context(self._client.socket(url))
        except (OSError, WebSocketException) as error:
            raise lost(error) from error

    def _talk(self, effect: Say | Receive) -> str | None:
        assert self._socket is not None
        try:
            if isinstance(effect, Say):
                self._socket.send(effect.text)
                return None
            return str(self._socket.recv(effect.seconds, decode=True))
        except TimeoutError:
            return None
        except (OSError, WebSocketException) as error:
            raise lost(error) from error

    def close(self) -> None:
        """End the WebSocket, if there is one."""
        self._open.close()
        self._socket = None
