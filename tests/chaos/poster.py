"""Posts orders, and posts again those without a response."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from queue import Empty, SimpleQueue
from random import Random
from typing import Any, Final, Self
from urllib.parse import urlsplit

from tests.chaos.orders import Order
from tests.chaos.stage import ChaosError

THREADS: Final = 4
PATIENCE_SECONDS: Final = 30.0
#: The part of the posts with a key that is sent again after its response.
_TWICE: Final = 0.02


class Api:
    """The HTTP API for one owner. A request without a response raises OSError or HTTPException."""

    def __init__(self, url: str, token: str) -> None:
        self._place = urlsplit(url)
        self._headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}

    def call(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Mapping[str, str], Any]:
        """Status, headers and JSON of the response (None if it is not JSON)."""
        data = None if body is None else json.dumps(body)
        with closing(HTTPConnection(self._place.netloc, timeout=PATIENCE_SECONDS)) as server:
            server.request(method, self._place.path + path, data, {**self._headers, **(headers or {})})
            answer = server.getresponse()
            text = answer.read()
        try:
            return answer.status, answer.headers, json.loads(text)
        except ValueError:
            return answer.status, answer.headers, None


class Poster:
    """Posts orders in parallel until each is accepted."""

    def __init__(self, apis: Mapping[str, Api], posts: Iterable[list[Order]], random: Random) -> None:
        self.accepted: dict[str, Order] = {}  #: by task id
        self.answers: Counter[str] = Counter()  #: statuses, and `none`
        self.by_key: dict[str, set[str]] = {}  #: task ids in the responses, by Idempotency-Key
        self.broken: list[str] = []  #: bodies of responses 500
        self.refused: list[str] = []  #: responses for which a repeat is useless
        self._apis = apis
        self._posts: SimpleQueue[list[Order]] = SimpleQueue()
        for post in posts:
            self._posts.put(post)
        self._random = random
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._work) for _ in range(THREADS)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    @property
    def done(self) -> bool:
        """Is every order accepted or refused?"""
        return not any(thread.is_alive() for thread in self._threads)

    def _work(self) -> None:
        while not self._stop.is_set():
            try:
                post = self._posts.get_nowait()
            except Empty:
                return
            while post and not self._stop.is_set():
                post = self._single(post[0]) if post[0].key else self._batch(post)

    def _single(self, order: Order) -> list[Order]:
        """Post an order under its key. Returns what must be posted again."""
        status, headers, task = self._call(
            order.owner, "/tasks", order.body, {"Idempotency-Key": str(order.key)}
        )
        if status not in (200, 201):
            return self._again([order], status, headers, task)
        with self._lock:
            self.accepted[task["id"]] = order
            first = str(order.key) not in self.by_key
            self.by_key.setdefault(str(order.key), set()).add(task["id"])
            repeat = first and self._random.random() < _TWICE
        return [order] if repeat else []

    def _batch(self, orders: list[Order]) -> list[Order]:
        """Post orders in one batch. Returns those that must be posted again."""
        body = {"tasks": [order.body for order in orders]}
        status, headers, answer = self._call(orders[0].owner, "/tasks/batch", body, {})
        if status != 207:
            return self._again(orders, status, headers, answer)
        again = []
        for order, result in zip(orders, answer["results"], strict=True):
            if result["status"] == 201:
                with self._lock:
                    self.accepted[result["task"]["id"]] = order
            else:
                again += self._again([order], result["status"], {}, result)
        return again

    def _call(
        self, owner: str, path: str, body: Any, headers: Mapping[str, str]
    ) -> tuple[int, Mapping[str, str], Any]:
        try:
            status, answered, text = self._apis[owner].call("POST", path, body, headers)
        except (OSError, HTTPException):
            status, answered, text = 0, {}, None
        with self._lock:
            replayed = " replayed" if answered.get("Idempotency-Replayed") else ""
            self.answers[f"{status}{replayed}" if status else "none"] += 1
            if status == 500:
                self.broken.append(str(text))
        return status, answered, text

    def _again(
        self, orders: list[Order], status: int, headers: Mapping[str, str], answer: Any
    ) -> list[Order]:
        """Wait as the response demands. Returns the orders, or [] if a repeat is useless."""
        if status == 429:
            self._stop.wait(float(headers.get("Retry-After", 1)))
        elif status == 0 or status >= 500:
            self._stop.wait(0.3)
        else:
            with self._lock:
                self.refused.append(f"{status} {answer}")
            return []
        return orders


def redrive(api: Api, task_id: str, seconds: float) -> bool:
    """Retry a failed task exactly once. Returns False if it had not failed.

    Raises: ChaosError when no response comes within `seconds`.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            status, _, task = api.call("GET", f"/tasks/{task_id}")
            if status == 200 and task["redrive_count"] == 1:
                return True
            if status == 200 and task["status"] != "failed":
                return False
            if status == 200:
                api.call("POST", f"/tasks/{task_id}/retry")
        except (OSError, HTTPException):
            continue
    raise ChaosError(f"No response to a retry of {task_id}.")
