"""Sends one task through the whole service, which verifies the deployment and warms every function."""

from __future__ import annotations

import contextlib
import json
import time
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from typing import Any, Final
from urllib.parse import urlsplit

from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from local import LocalStageError
from local.stage import Endpoints

TIMEOUT_SECONDS: Final = 30.0
TASK: Final = {"type": "demo.sleep", "payload": {"seconds": 0, "steps": 1}}


def run_smoke_test(endpoints: Endpoints) -> float:
    """Run a task and delete it; return the seconds from its POST to the update that it succeeded.

    Raises: LocalStageError when it does not succeed within `TIMEOUT_SECONDS`.
    """
    try:
        with connect(
            endpoints.websocket,
            additional_headers=_bearer(endpoints),
            proxy=None,
            open_timeout=TIMEOUT_SECONDS,
        ) as socket:
            started = time.monotonic()
            task = _call("POST", endpoints, "/tasks", TASK)
            while task["status"] != "succeeded":
                task = _next_update(socket.recv(timeout=_remaining(started)), task)
            seconds = time.monotonic() - started
        _call("DELETE", endpoints, f"/tasks/{task['id']}")
    except (OSError, HTTPException, WebSocketException) as error:
        raise LocalStageError(f"The smoke test could not finish: {error!r}") from error
    return seconds


def _next_update(frame: str | bytes, task: dict[str, Any]) -> dict[str, Any]:
    update: dict[str, Any] = json.loads(frame).get("task", {})
    if update.get("id") != task["id"]:
        return task
    if update["status"] in ("failed", "canceled", "expired"):
        raise LocalStageError(f"The smoke test's task ended as {update['status']}: {update['error']}")
    return update


def _remaining(started: float) -> float:
    return max(0.0, started + TIMEOUT_SECONDS - time.monotonic())


def _bearer(endpoints: Endpoints) -> dict[str, str]:
    return {"Authorization": f"Bearer {endpoints.token}"}


def _call(method: str, endpoints: Endpoints, path: str, body: object = None) -> dict[str, Any]:
    url = endpoints.http + path
    parts = urlsplit(url)
    connection = HTTPConnection(parts.netloc, timeout=TIMEOUT_SECONDS)
    headers = {"Content-Type": "application/json", **_bearer(endpoints)}
    with contextlib.closing(connection):
        connection.request(method, parts.path, json.dumps(body), headers)
        response = connection.getresponse()
        text = response.read().decode()
    if response.status >= HTTPStatus.BAD_REQUEST:
        raise LocalStageError(
            f"The smoke test was refused: {method} {url} returned {response.status}\n{text}"
        )
    content: dict[str, Any] = json.loads(text or "{}")
    return content
