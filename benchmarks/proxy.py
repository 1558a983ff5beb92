"""A proxy in front of the emulated AWS that records every exchange, of any client library."""

from __future__ import annotations

import ssl
from contextlib import closing
from http.client import HTTPConnection
from threading import Lock
from typing import Final, Self
from urllib.parse import urlsplit

from benchmarks.exchanges import Exchange, operation_of
from tests.support.http_server import Answer, HttpServer, Received

_TIMEOUT_SECONDS: Final = 60
#: Headers of one connection only; the proxy's server sets its own.
_HOP_BY_HOP: Final = frozenset(
    {"connection", "content-length", "date", "keep-alive", "server", "transfer-encoding"}
)


class CountingProxy:
    """Listens on `url` and forwards frames to `sockets`, everything else to `aws`."""

    def __init__(self, aws: str, sockets: str, tls: ssl.SSLContext | None = None) -> None:
        self._aws = urlsplit(aws).netloc
        self._sockets = urlsplit(sockets).netloc
        self._host = "127.0.0.1" if tls is None else "localhost"
        self._server = HttpServer(self._forward, tls=tls)
        self._lock = Lock()
        self._exchanges: list[Exchange] = []

    def take(self) -> list[Exchange]:
        """The exchanges since the last call."""
        with self._lock:
            taken, self._exchanges = self._exchanges, []
            return taken

    def __enter__(self) -> Self:
        self._server.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.__exit__(*error)

    @property
    def url(self) -> str:
        """Its base URL."""
        return self._server.url("", self._host)

    def _forward(self, request: Received) -> Answer:
        # A new connection for each request: a kept one can be closed by the time it is used.
        target = self._sockets if "/@connections/" in request.path else self._aws
        with closing(HTTPConnection(target, timeout=_TIMEOUT_SECONDS)) as upstream:
            upstream.request(request.method, request.path, request.body, dict(request.headers))
            response = upstream.getresponse()
            body = response.read()
        operation = operation_of(request.path, request.headers, request.body)
        with self._lock:
            self._exchanges.append(Exchange(operation, request.body, body))
        headers = {name: value for name, value in response.getheaders() if name.lower() not in _HOP_BY_HOP}
        return Answer(response.status, body, headers)
