"""Sends requests, retries them where that is safe, and reads pages."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from random import random
from typing import Any, Final

from task_service_client._effects import Emit, Request, Response, Send, Sleep, Steps, Stream
from task_service_client._errors import Refused, TaskServiceError, Unreachable, refusal
from task_service_client._retries import Retries, retry_after

NOT_MODIFIED: Final = 304
#: The service waits for a task at most this long in one request.
LONGEST_PREFER_SECONDS: Final = 20


class BaseOperations:
    """The base of all operations: calls, pages and the clock."""

    def __init__(
        self,
        retries: Retries | None = None,
        draw: Callable[[], float] = random,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._retries = retries or Retries()
        self._draw = draw
        self._clock = clock

    def _call(self, method: str, path: str, **options: Any) -> Steps[dict[str, Any]]:
        """The JSON object of a response. `options` are the other fields of the Request."""
        response = yield from self._exchange(Request(method=method, path=path, **options))
        return json_object(response)

    def _exchange(self, request: Request) -> Steps[Response]:
        """A response with a status below 300, or 304. Raises: Unreachable or Refused, after all tries."""
        failures = 0
        while True:
            error: TaskServiceError
            try:
                response: Response = yield Send(request)
            except Unreachable as unreachable:
                error = unreachable
            else:
                if response.status < 300 or response.status == NOT_MODIFIED:
                    return response
                error = _refusal(response)
            failures += 1
            wait = self._retries.wait(error, failures, repeatable=request.repeatable, draw=self._draw())
            if wait is None:
                raise error
            yield Sleep(wait)

    def _pages(
        self, path: str, query: Mapping[str, Any], items: str, limit: int | None, decode: Callable[[Any], Any]
    ) -> Stream[Any]:
        """Emit the items of all pages, at most `limit`. A page before the last one may be empty."""
        left = limit
        cursor: str | None = None
        while left is None or left > 0:
            size = 100 if left is None else min(100, left)
            page_query = {**query, "limit": size, "cursor": cursor}
            page = yield from self._call("GET", path, query=page_query, repeatable=True)
            for item in page[items][:left]:
                yield Emit(decode(item))
            left = None if left is None else left - len(page[items])
            cursor = page.get("next_cursor")
            if cursor is None:
                return


def prefer(wait: float | None) -> tuple[dict[str, str], float]:
    """The header that makes the service wait up to `wait` seconds for a task to finish, and the seconds."""
    if not wait:
        return {}, 0.0
    seconds = min(LONGEST_PREFER_SECONDS, max(1, round(wait)))
    return {"prefer": f"wait={seconds}"}, float(seconds)


def _refusal(response: Response) -> Refused:
    problem = response.body if isinstance(response.body, dict) else {}
    return refusal(response.status, problem, retry_after(response.headers))


def json_object(response: Response) -> dict[str, Any]:
    """The JSON object of a response. Raises: Refused if the body is not a JSON object."""
    if isinstance(response.body, dict):
        return response.body
    detail = "The response is not a JSON object: is this the address of a task service?"
    raise Refused(response.status, {"detail": detail, "code": "not_the_service"}, None)
