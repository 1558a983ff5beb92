"""One request and its answer, tried again where that is safe."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from random import random
from typing import Any, Final

from task_service_client.effects import Emit, Request, Response, Send, Sleep, Steps, Stream
from task_service_client.errors import Refused, TaskServiceError, Unreachable, refusal
from task_service_client.retries import Retries, retry_after

NOT_MODIFIED: Final = 304
#: The longest that one request may wait for a task, by the service's contract.
LONGEST_PREFER_SECONDS: Final = 20


class Calling:
    """What all operations need: how to call, how to page, and the time."""

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
        """The JSON object of an answer. `options` are the further fields of a Request."""
        response = yield from self._exchange(Request(method=method, path=path, **options))
        return json_object(response)

    def _exchange(self, request: Request) -> Steps[Response]:
        """A good answer. Raises: Unreachable or Refused, after all tries."""
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
        self, path: str, query: Mapping[str, Any], items: str, limit: int | None, read: Callable[[Any], Any]
    ) -> Stream[Any]:
        """Emit what all pages hold, at most `limit`; a page may be empty before the end."""
        left = limit
        cursor: str | None = None
        while left is None or left > 0:
            size = 100 if left is None else min(100, left)
            asked = {**query, "limit": size, "cursor": cursor}
            page = yield from self._call("GET", path, query=asked, repeatable=True)
            for plain in page[items][:left]:
                yield Emit(read(plain))
            left = None if left is None else left - len(page[items])
            cursor = page.get("next_cursor")
            if cursor is None:
                return


def prefer(wait: float | None) -> tuple[dict[str, str], float]:
    """The header that asks for an answer at a task's end or after `wait` seconds, and those seconds."""
    if not wait:
        return {}, 0.0
    seconds = min(LONGEST_PREFER_SECONDS, max(1, round(wait)))
    return {"prefer": f"wait={seconds}"}, float(seconds)


def _refusal(response: Response) -> Refused:
    problem = response.body if isinstance(response.body, dict) else {}
    return refusal(response.status, problem, retry_after(response.headers))


def json_object(response: Response) -> dict[str, Any]:
    """The JSON object in an answer. Raises: Refused when there is none."""
    if isinstance(response.body, dict):
        return response.body
    detail = "The answer is no JSON object: is this the address of a task service?"
    raise Refused(response.status, {"detail": detail, "code": "not_the_service"}, None)
