"""A server that takes what is posted to WebSocket connections, and answers as a test wants."""

from __future__ import annotations

import json
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any, Self
from urllib.parse import unquote


class _Server(ThreadingHTTPServer):
    """One that many threads may call at the same moment.

    Five connections may wait by default; Linux drops what comes beyond, and the caller tries again after a
    second. That is when a push gives up.
    """

    request_queue_size = 128


class SocketServer:
    """`@connections` of an API Gateway: POST delivers a frame, DELETE cuts the connection."""

    def __init__(self) -> None:
        self.frames: defaultdict[str, list[Any]] = defaultdict(list)  #: by connection, in order
        self.closed: list[str] = []
        self._statuses: dict[str, list[int]] = {}
        self._lock = Lock()

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
        self._server = _Server(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        world = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # head and body are two writes: the second would wait 40 ms

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                self._answer(world._post(self._connection(), body))

            def do_DELETE(self) -> None:
                world.closed.append(self._connection())
                self._answer(204)

            def _connection(self) -> str:
                return unquote(self.path.rpartition("/")[2])

            def _answer(self, status: int) -> None:
                body = b"" if status == 204 else json.dumps({"message": "scripted"}).encode()
                self.send_response(status)
                if status == 410:
                    self.send_header("x-amzn-ErrorType", "GoneException")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Silence: a test reads its own output."""

        return Handler

    def _post(self, connection_id: str, body: bytes) -> int:
        with self._lock:
            if self._statuses.get(connection_id):
                return self._statuses[connection_id].pop(0)
            self.frames[connection_id].append(json.loads(body))
            return 200
