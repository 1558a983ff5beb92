"""A real HTTP server with scripted responses, which records the requests.

    with HttpServer(Answer(503), Answer(200, b"fine")) as server:   # the last one is repeated
        ...  # request server.url("/path")
        assert [request.path for request in server.requests] == ["/path", "/path"]

`RawServer` passes each connection to a function instead, to misbehave as no HTTP library does.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any, Self


@dataclass(frozen=True)
class Answer:
    """A response."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Received:
    """A request."""

    method: str
    path: str
    headers: Mapping[str, str]  #: names in lower case
    body: bytes


Respond = Callable[[Received], Answer]


class HttpServer:
    """Answers each request with the next of its answers, and repeats the last; a function makes its own."""

    def __init__(self, *answers: Answer | Respond, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[Received] = []
        self._answers: list[Answer | Respond] = list(answers) or [Answer()]
        self._lock = Lock()
        self._tls = tls

    def __enter__(self) -> Self:
        self._server = _Server(self)
        if self._tls is not None:
            # The thread of the connection does the handshake, not the one that accepts all connections.
            self._server.socket = self._tls.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._thread = Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        """The URL of a path here."""
        return f"{'http' if self._tls is None else 'https'}://{host}:{self.port}{path}"

    def answer_with(self, *answers: Answer) -> None:
        """Answer the next requests with these instead."""
        with self._lock:
            self._answers = list(answers)

    def take(self, received: Received) -> Answer:
        """Record a request; its answer."""
        with self._lock:
            self.requests.append(received)
            answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return answer if isinstance(answer, Answer) else answer(received)


class _Server(ThreadingHTTPServer):
    #: Of five, the default, Linux drops the connections beyond, and a client retries after a second.
    request_queue_size = 128

    def __init__(self, owner: HttpServer) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.owner = owner

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print nothing: tests close connections early and refuse the certificate on purpose."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # headers and body are two writes: the second would wait 40 ms

    def _serve(self) -> None:
        length = int(self.headers.get("content-length", 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        received = Received(self.command, self.path, headers, self.rfile.read(length))
        answer = self.server.owner.take(received)
        self.send_response(answer.status)
        for name, value in {"content-length": str(len(answer.body)), **answer.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _serve  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Print nothing."""


class RawServer:
    """Passes each connection to `talk`, until that returns or the client disconnects.

    The request is read first, unless `whole`.
    """

    def __init__(self, talk: Callable[[socket.socket], None], *, whole: bool = False) -> None:
        self._talk = talk
        self._whole = whole
        self._threads: list[Thread] = []

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._accepting = Thread(target=self._accept)
        self._accepting.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._accepting.join()
        self._listener.close()
        for thread in self._threads:
            thread.join()

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def url(self, path: str = "/") -> str:
        """The URL of a path here."""
        return f"http://127.0.0.1:{self.port}{path}"

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:  # shut down
                return
            thread = Thread(target=self._serve, args=(connection,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            if not self._whole:
                connection.recv(65_536)
            self._talk(connection)


def raw(data: bytes) -> Callable[[socket.socket], None]:
    """Send these bytes and close."""
    return lambda connection: connection.sendall(data)
