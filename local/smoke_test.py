"""One task through the whole service, to know that it works and to have every part of it warm."""

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


def run_probe(endpoints: Endpoints) -> float:
    """Seconds from posting a task to the pushed update that it succeeded. The task is deleted.

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
                task = _next_update(socket.recv(timeout=_left(started)), task)
            seconds = time.monotonic() - started
        _call("DELETE", endpoints, f"/tasks/{task['id']}")
    except (OSError, HTTPException, WebSocketException) as error:
        raise LocalStageError(f"The probe task did not get through: {error!r}") from error
    return seconds


def _next_update(frame: str | bytes, task: dict[str, Any]) -> dict[str, Any]:
    update: dict[str, Any] = json.loads(frame).get("task", {})
    if update.get("id") != task["id"]:
        return task
    if update["status"] in ("failed", "canceled", "expired"):
        raise LocalStageError(f"The probe task ended as {update['status']}: {update['error']}")
    return update


def _left(started: float) -> float:
    return max(0.0, started + TIMEOUT_SECONDS - time.monotonic())


def _bearer(endpoints: Endpoints) -> dict[str, str]:
    return {"Authorization": f"Bearer {endpoints.token}"}


def _call(method: str, endpoints: Endpoints, path: str, body: object = None) -> dict[str, Any]:
    url = endpoints.http + path
    place = urlsplit(url)
    server = HTTPConnection(place.netloc, timeout=TIMEOUT_SECONDS)
    with contextlib.closing(server):
        server.request(
            method, place.path, json.dumps(body), {"Content-Type": "application/json", **_bearer(endpoints)}
        )
        response = server.getresponse()
        text = response.read().decode()
    if response.status >= HTTPStatus.BAD_REQUEST:
        raise LocalStageError(
            f"The probe task was refused: {method} {url} answered {response.status}\n{text}"
        )
    answer: dict[str, Any] = json.loads(text or "{}")
    return answer
