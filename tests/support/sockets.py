"""The WebSocket API that functions post to: it records the frames and answers as scripted."""

from __future__ import annotations

import json
from collections import defaultdict
from threading import Lock
from typing import Any, Self
from urllib.parse import unquote

from tests.support.http_server import Answer, HttpServer, Received


class SocketServer:
    """`@connections` of an API Gateway: POST delivers a frame, DELETE closes the connection."""

    def __init__(self) -> None:
        self.frames: defaultdict[str, list[Any]] = defaultdict(list)  #: by connection, in order
        self.closed: list[str] = []
        self._statuses: dict[str, list[int]] = {}
        self._lock = Lock()
        self._server = HttpServer(self._respond)

    def answer(self, connection_id: str, *statuses: int) -> None:
        """Answer the next posts to a connection with `statuses`, then 200 again."""
        with self._lock:
            self._statuses[connection_id] = list(statuses)

    def fail(self, connection_id: str, status: int) -> None:
        """Answer every post to a connection with `status`."""
        self.answer(connection_id, *[status] * 1000)

    def tasks(self, connection_id: str) -> list[dict[str, Any]]:
        """The tasks in the frames of a connection, batches unpacked."""
        found: list[dict[str, Any]] = []
        for frame in self.frames[connection_id]:
            found += [frame["task"]] if frame["type"] == "task" else frame.get("tasks", [])
        return found

    def take(self, connection_id: str) -> list[Any]:
        """The frames since the last call."""
        with self._lock:
            return self.frames.pop(connection_id, [])

    def __enter__(self) -> Self:
        self.url = self._server.__enter__().url("")
        return self

    def __exit__(self, *error: object) -> None:
        self._server.__exit__(*error)

    def _respond(self, request: Received) -> Answer:
        connection_id = unquote(request.path.rpartition("/")[2])
        if request.method == "DELETE":
            self.closed.append(connection_id)
            return Answer(204)
        status = self._post(connection_id, request.body)
        headers = {"x-amzn-ErrorType": "GoneException"} if status == 410 else {}
        return Answer(status, b'{"message": "scripted"}', headers)

    def _post(self, connection_id: str, body: bytes) -> int:
        with self._lock:
            if self._statuses.get(connection_id):
                return self._statuses[connection_id].pop(0)
            self.frames[connection_id].append(json.loads(body))
            return 200
