"""The client for asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Self, TypeVar, cast

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

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


def _awaiting(
    operation: Callable[Concatenate[Operations, P], Steps[T]],
) -> Callable[Concatenate[AsyncClient, P], Coroutine[Any, Any, T]]:
    """A method that executes an operation and returns its result."""

    @wraps(operation)
    async def method(self: AsyncClient, /, *args: P.args, **kwargs: P.kwargs) -> T:
        execution = Execution(operation(self._operations, *args, **kwargs))
        async with aclosing(self._execute(execution)) as values:
            async for _ in values:
                """Operations that return a result emit no values."""
        return cast(T, execution.result)

    return method


def _iterating(
    operation: Callable[Concatenate[Operations, P], Stream[T]],
) -> Callable[Concatenate[AsyncClient, P], AsyncGenerator[T, None]]:
    """A method that executes an operation and yields its values. Closing it closes the WebSocket."""

    @wraps(operation)
    def method(self: AsyncClient, /, *args: P.args, **kwargs: P.kwargs) -> AsyncGenerator[T, None]:
        return self._execute(Execution(operation(self._operations, *args, **kwargs)))

    return method


class AsyncClient(BaseClient):
    """An asyncio client of the Task Processing Service, with the arguments and methods of `Client`.

    async with AsyncClient() as client:
        task = await client.create("demo.sleep", {"seconds": 2})
        async for update in client.watch(task.id):
            print(update.status)

    """

    def __init__(self, *args: Any, transport: httpx.AsyncBaseTransport | None = None, **options: Any) -> None:
        super().__init__(*args, **options)
        self._http = httpx.AsyncClient(transport=transport, follow_redirects=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections that are kept for further requests."""
        await self._http.aclose()

    create = _awaiting(Operations.create)
    create_many = _awaiting(Operations.create_many)
    run = _awaiting(Operations.run)
    get = _awaiting(Operations.get)
    list = _iterating(Operations.list)
    wait = _awaiting(Operations.wait)
    watch = _iterating(Operations.watch)
    cancel = _awaiting(Operations.cancel)
    retry = _awaiting(Operations.retry)
    delete = _awaiting(Operations.delete)
    explain = _awaiting(Operations.explain)
    task_types = _awaiting(Operations.task_types)
    pause = _awaiting(Operations.pause)
    resume = _awaiting(Operations.resume)
    stats = _awaiting(Operations.stats)
    dead_letter_groups = _awaiting(Operations.dead_letter_groups)
    dead_letters = _iterating(Operations.dead_letters)
    preview_redrive = _awaiting(Operations.preview_redrive)
    redrive = _awaiting(Operations.redrive)
    get_redrive = _awaiting(Operations.get_redrive)
    redrives = _iterating(Operations.redrives)
    abort_redrive = _awaiting(Operations.abort_redrive)
    wait_for_redrive = _awaiting(Operations.wait_for_redrive)

    async def _execute(self, execution: Execution[Any]) -> AsyncGenerator[Any, None]:
        """Yield the emitted values and execute all other effects."""
        async with aclosing(_EffectRunner(self)) as runner:
            while (effect := execution.next()) is not None:
                if isinstance(effect, Emit):
                    yield effect.value
                    execution.answer()
                    continue
                try:
                    execution.answer(await runner.run(effect))
                except (Unreachable, SocketLost) as error:
                    execution.fail(error)

    async def send(self, request: Request) -> Response:
        """The response to one request, with any status. Raises: Unreachable."""
        try:
            return response_of(await self._http.request(**self._arguments(request)))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self._unreachable(error) from error

    def socket(self, url: str) -> AbstractAsyncContextManager[ClientConnection]:
        """A WebSocket that is closed when the context ends. Raises on entry: OSError, WebSocketException."""
        opened: AbstractAsyncContextManager[ClientConnection] = connect(url, **self._websocket_options())
        return opened


class _EffectRunner:
    """Executes the effects of one operation, with at most one open WebSocket."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client
        self._open = AsyncExitStack()  #: closes the WebSocket
        self._socket: ClientConnection | None = None

    async def run(self, effect: Effect) -> Any:
        """The result of an effect. Raises: Unreachable, SocketLost."""
        match effect:
            case Send(request):
                return await self._client.send(request)
            case Sleep(seconds):
                return await asyncio.sleep(seconds)
            case Connect(url):
                return await self._connect(url)
            case SendMessage() | Receive():
                return await self._exchange_message(effect)

    async def _connect(self, url: str) -> None:
        await self.aclose()
        try:
            self._socket = await self._open.enter_async_context(self._client.socket(url))
        except (OSError, WebSocketException) as error:
            raise socket_lost(error) from error

    async def _exchange_message(self, effect: SendMessage | Receive) -> str | None:
        assert self._socket is not None
        try:
            if isinstance(effect, SendMessage):
                await self._socket.send(effect.text)
                return None
            async with asyncio.timeout(effect.seconds):
                return str(await self._socket.recv(decode=True))
        except TimeoutError:
            return None
        except (OSError, WebSocketException) as error:
            raise socket_lost(error) from error

    async def aclose(self) -> None:
        """Close the WebSocket, if one is open."""
        await self._open.aclose()
        self._socket = None
