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


def _awaiting(
    operation: Callable[Concatenate[Operations, P], Steps[T]],
) -> Callable[Concatenate[AsyncClient, P], Coroutine[Any, Any, T]]:
    """The method that performs an operation."""

    @wraps(operation)
    async def method(self: AsyncClient, /, *args: P.args, **kwargs: P.kwargs) -> T:
        performance = Performance(operation(self._operations, *args, **kwargs))
        async with aclosing(self._perform(performance)) as performing:
            async for _ in performing:
                """Nothing is emitted by what returns."""
        return cast(T, performance.result)

    return method


def _iterating(
    operation: Callable[Concatenate[Operations, P], Stream[T]],
) -> Callable[Concatenate[AsyncClient, P], AsyncGenerator[T, None]]:
    """The method that performs an operation and yields what it emits; close it, and the WebSocket ends."""

    @wraps(operation)
    def method(self: AsyncClient, /, *args: P.args, **kwargs: P.kwargs) -> AsyncGenerator[T, None]:
        return self._perform(Performance(operation(self._operations, *args, **kwargs)))

    return method


class AsyncClient(Shell):
    """The Task Processing Service, for asyncio. Takes what `Client` takes and has the same methods, to be
    awaited.

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
        """End the connections that are kept open."""
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

    async def _perform(self, performance: Performance[Any]) -> AsyncGenerator[Any, None]:
        """Yield what is emitted, perform the rest."""
        async with aclosing(_Line(self)) as line:
            while (effect := performance.next()) is not None:
                if isinstance(effect, Emit):
                    yield effect.value
                    performance.answer()
                    continue
                try:
                    performance.answer(await line.perform(effect))
                except (Unreachable, SocketLost) as error:
                    performance.fail(error)

    async def send(self, request: Request) -> Response:
        """The answer to one request, whatever it says. Raises: Unreachable."""
        try:
            return response_of(await self._http.request(**self._arguments(request)))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self._unreachable(error) from error

    def socket(self, url: str) -> AbstractAsyncContextManager[ClientConnection]:
        """A WebSocket, open while the context lasts. Raises, on entering: OSError, WebSocketException."""
        opened: AbstractAsyncContextManager[ClientConnection] = connect(url, **self._websocket_options())
        return opened


class _Line:
    """Performs the effects of one operation, on one WebSocket at a time."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client
        self._open = AsyncExitStack()  #: closes the WebSocket, if there is one
        self._socket: ClientConnection | None = None

    async def perform(self, effect: Effect) -> Any:
        """The answer to an effect. Raises: Unreachable, SocketLost."""
        match effect:
            case Send(request):
                return await self._client.send(request)
            case Sleep(seconds):
                return await asyncio.sleep(seconds)
            case Connect(url):
                return await self._connect(url)
            case Say() | Receive():
                return await self._talk(effect)

    async def _connect(self, url: str) -> None:
        await self.aclose()
        try:
            self._socket = await self._open.enter_async_context(self._client.socket(url))
        except (OSError, WebSocketException) as error:
            raise lost(error) from error

    async def _talk(self, effect: Say | Receive) -> str | None:
        assert self._socket is not None
        try:
            if isinstance(effect, Say):
                await self._socket.send(effect.text)
                return None
            async with asyncio.timeout(effect.seconds):
                return str(await self._socket.recv(decode=True))
        except TimeoutError:
            return None
        except (OSError, WebSocketException) as error:
            raise lost(error) from error

    async def aclose(self) -> None:
        """End the WebSocket, if there is one."""
        await self._open.aclose()
        self._socket = None
