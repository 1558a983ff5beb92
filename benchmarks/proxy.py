"""A proxy in front of the emulated AWS that notes every exchange, whatever library sends it."""

from __future__ import annotations

import ssl
from contextlib import closing, suppress
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any, Final, Self
from urllib.parse import urlsplit

from benchmarks.exchanges import Exchange, operation_of

_PATIENCE_SECONDS: Final = 60
#: Of one connection only; the proxy's own answer sets them anew.
_HOP_BY_HOP: Final = frozenset(
    {"connection", "content-length", "date", "keep-alive", "server", "transfer-encoding"}
)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # clients open many connections at once


class CountingProxy:
    """Listens on `url` and passes everything on: frames to `sockets`, all else to `aws`."""

    def __init__(self, aws: str, sockets: str, tls: ssl.SSLContext | None = None) -> None:
        self._aws = urlsplit(aws).netloc
        self._sockets = urlsplit(sockets).netloc
        self._tls = tls
        self._lock = Lock()
        self.exchanges: list[Exchange] = []

    def take(self) -> list[Exchange]:
        """The exchanges since the last call."""
        with self._lock:
            taken, self.exchanges = self.exchanges, []
            return taken

    def __enter__(self) -> Self:
        self._server = _Server(("127.0.0.1", 0), self._handler())
        if self._tls is not None:
            # Hands are shaken by the thread that serves the connection, not by the one that accepts all.
            self._server.socket = self._tls.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """Where it listens."""
        scheme, host = ("http", "127.0.0.1") if self._tls is None else ("https", "localhost")
        return f"{scheme}://{host}:{self._server.server_address[1]}"

    def _note(self, exchange: Exchange) -> None:
        with self._lock:
            self.exchanges.append(exchange)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # head and body are two writes: the second would wait 40 ms

            def _pass(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                # A connection for each request: one that was kept may be closed by the time it is needed.
                place = proxy._sockets if "/@connections/" in self.path else proxy._aws
                with closing(HTTPConnection(place, timeout=_PATIENCE_SECONDS)) as upstream:
                    upstream.request(self.command, self.path, body, headers)
                    response = upstream.getresponse()
                    answer = response.read()
                proxy._note(Exchange(operation_of(self.path, headers, body), body, answer))
                self.send_response(response.status)
                for name, value in response.getheaders():
                    if name.lower() not in _HOP_BY_HOP:
                        self.send_header(name, value)
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                with suppress(ConnectionError):  # of somebody who waited for messages, and was ended
                    self.wfile.write(answer)

            do_GET = do_POST = do_PUT = do_DELETE = _pass  # noqa: N815 - as the library asks for them

            def log_message(self, *_: Any) -> None:
                """Silence: the table is what is to be read."""

        return Handler
