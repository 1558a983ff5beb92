"""Opens a blocking or an asyncio client with the same blocking interface, so one test runs on both."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from task_service_client import AsyncClient, Client


class Awaited:
    """An AsyncClient with blocking methods."""

    def __init__(self, client: AsyncClient, runner: asyncio.Runner) -> None:
        self._client = client
        self._runner = runner

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._client, name)

        def blocking(*args: Any, **kwargs: Any) -> Any:
            answer = method(*args, **kwargs)
            return self._iterated(answer) if hasattr(answer, "__aiter__") else self._runner.run(answer)

        return blocking

    def _iterated(self, values: Any) -> Iterator[Any]:
        try:
            while True:
                yield self._runner.run(_next(values))
        except StopAsyncIteration:
            return
        finally:
            self._runner.run(values.aclose())


async def _next(values: AsyncIterator[Any]) -> Any:
    return await anext(values)


@contextmanager
def opened(kind: str, *args: Any, **options: Any) -> Iterator[Any]:
    """A client of a kind: `blocking` or `awaiting`."""
    if kind == "blocking":
        with Client(*args, **options) as client:
            yield client
        return
    with asyncio.Runner() as runner:
        awaiting = AsyncClient(*args, **options)
        try:
            yield Awaited(awaiting, runner)
        finally:
            runner.run(awaiting.close())
