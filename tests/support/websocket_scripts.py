"""A real WebSocket server that runs one script per connection and then closes it.

with ScriptedSockets(["frame", RECEIVE, "answer"], ["on the second connection"]) as server:
    ...  # connect to server.url
    assert server.received == ['{"action": "sync", …}']
"""

from __future__ import annotations

from collections.abc import Sequence
from threading import Event, Thread
from typing import Any, Final, Self

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import Server, ServerConnection, serve

RECEIVE: Final = object()  #: receive a message
STAY: Final = object()  #: stay open until the client closes the connection


class ScriptedSockets:
    """Runs the scripts in order, one per connection. Further connections get 503."""

    def __init__(self, *scripts: Sequence[Any]) -> None:
        self.received: list[str] = []
        self.paths: list[str] = []
        self.left = Event()  #: set when a client closed its connection during a script
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
        """The address of the server."""
        return f"ws://127.0.0.1:{self._server.socket.getsockname()[1]}/?ticket=t"

    def _admit(self, connection: ServerConnection, request: Any) -> Any:
        self.paths.append(request.path)
        return None if self._scripts else connection.respond(503, "scripted")

    def _serve(self, connection: ServerConnection) -> None:
        script = self._scripts.pop(0)
        try:
            for line in script:
                if line is RECEIVE:
                    self.received.append(str(connection.recv(10, decode=True)))
                elif line is STAY:
                    connection.recv(30)
                else:
                    connection.send(line)
        except ConnectionClosed:
            self.left.set()
