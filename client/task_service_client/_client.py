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

from task_service_client._base_client import BaseClient, Operations, response_of, socket_lost
from task_service_client._effects import (
    Connect,
    Effect,
    Emit,
    Execution,
    Receive,
    Request,
    Response,
    Send,
    SendMessage,
    Sleep,
    Steps,
    Stream,
)
from task_service_client._errors import SocketLost, Unreachable

P = ParamSpec("P")
T = TypeVar("T")


def _blocking(
    operation: Callable[Concatenate[Operations, P], Steps[T]],
) -> Callable[Concatenate[Client, P], T]:
    """A method that executes an operation and returns its result."""

    @wraps(operation)
    def method(self: Client, /, *args: P.args, **kwargs: P.kwargs) -> T:
        execution = Execution(operation(self._operations, *args, **kwargs))
        for _ in self._execute(execution):
            """Operations that return a result emit no values."""
        return cast(T, execution.result)

    return method


def _iterating(
    operation: Callable[Concatenate[Operations, P], Stream[T]],
) -> Callable[Concatenate[Client, P], Generator[T, None, None]]:
    """A method that executes an operation and yields its values. Closing it closes the WebSocket."""

    @wraps(operation)
    def method(self: Client, /, *args: P.args, **kwargs: P.kwargs) -> Generator[T, None, None]:
        return self._execute(Execution(operation(self._operations, *args, **kwargs)))

    return method


class Client(BaseClient):
    """A blocking client of the Task Processing Service.

        with Client() as client:
            task = client.run("csv.profile", {"csv": text}).raise_for_status()
            print(task.result)

    `url` and `token` default to TASKS_URL and TASKS_TOKEN, then to the local stage that runs in this
    directory or in one above. A `token` that is a function is called before each request. `owner` is for
    administrators. A request takes at most `timeout` seconds; `retries` sets how often it is retried where
    that is safe. Threads may share a client.

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
        """Close the connections that are kept for further requests."""
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

    def _execute(self, execution: Execution[Any]) -> Generator[Any, None, None]:
        """Yield the emitted values and execute all other effects."""
        with closing(_EffectRunner(self)) as runner:
            while (effect := execution.next()) is not None:
                if isinstance(effect, Emit):
                    yield effect.value
                    execution.answer()
                    continue
                try:
                    execution.answer(runner.run(effect))
                except (Unreachable, SocketLost) as error:
                    execution.fail(error)

    def send(self, request: Request) -> Response:
        """The response to one request, with any status. Raises: Unreachable."""
        try:
            return response_of(self._http.request(**self._arguments(request)))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self._unreachable(error) from error

    def socket(self, url: str) -> AbstractContextManager[ClientConnection]:
        """A WebSocket that is closed when the context ends. Raises on entry: OSError, WebSocketException."""
        opened: AbstractContextManager[ClientConnection] = connect(url, **self._websocket_options())
        return opened


class _EffectRunner:
    """Executes the effects of one operation, with at most one open WebSocket."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._open = ExitStack()  #: closes the WebSocket
        self._socket: ClientConnection | None = None

    def run(self, effect: Effect) -> Any:
        """The result of an effect. Raises: Unreachable, SocketLost."""
        match effect:
            case Send(request):
                return self._client.send(request)
            case Sleep(seconds):
                return time.sleep(seconds)
            case Connect(url):
                return self._connect(url)
            case SendMessage() | Receive():
                return self._exchange_message(effect)

    def _connect(self, url: str) -> None:
        self.close()
        try:
            self._socket = self._open.enter_context(self._client.socket(url))
        except (OSError, WebSocketException) as error:
            raise socket_lost(error) from error

    def _exchange_message(self, effect: SendMessage | Receive) -> str | None:
        assert self._socket is not None
        try:
            if isinstance(effect, SendMessage):
                self._socket.send(effect.text)
                return None
            return str(self._socket.recv(effect.seconds, decode=True))
        except TimeoutError:
            return None
        except (OSError, WebSocketException) as error:
            raise socket_lost(error) from error

    def close(self) -> None:
        """Close the WebSocket, if one is open."""
        self._open.close()
        self._socket = None
