"""A real WebSocket server that says what a test wants, one script a connection, and hangs up.

with ScriptedSockets(["frame", HEAR, "answer"], ["on the second connection"]) as server:
    ...  # connect to server.url
    assert server.heard == ['{"action": "sync", …}']
"""

from __future__ import annotations

from collections.abc import Sequence
from threading import Event, Thread
from typing import Any, Final, Self

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import Server, ServerConnection, serve

HEAR: Final = object()  #: wait for a message
STAY: Final = object()  #: stay open until the client leaves


class ScriptedSockets:
    """Serves connections in order; what comes after the last script is refused with 503."""

    def __init__(self, *scripts: Sequence[Any]) -> None:
        self.heard: list[str] = []
        self.paths: list[str] = []
        self.left = Event()  #: a client that was to stay is gone
        self._scripts = [*scripts]

    def __enter__(self) -> Self:
        self._server: Server = serve(
            self._serve, "127.0.0.1", 0, process_request=self._admit, close_timeout=1
        )
        self._thread = Thread(target=self._server.serve_forever)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()

    @property
    def url(self) -> str:
        """Where to connect to."""
        return f"ws://127.0.0.1:{self._server.socket.getsockname()[1]}/?ticket=t"

    def _admit(self, connection: ServerConnection, request: Any) -> Any:
        self.paths.append(request.path)
        return None if self._scripts else connection.respond(503, "scripted")

    def _serve(self, connection: ServerConnection) -> None:
        script = self._scripts.pop(0)
        try:
            for line in script:
                if line is HEAR:
                    self.heard.append(str(connection.recv(10, decode=True)))
                elif line is STAY:
                    connection.recv(30)
                else:
                    connection.send(line)
        except ConnectionClosed:
            self.left.set()
