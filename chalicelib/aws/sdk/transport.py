"""HTTP requests to AWS over a pool of connections."""

from __future__ import annotations

import select
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Protocol, TypeVar
from urllib.parse import urlsplit

from chalicelib.aws.sdk.http_response import BadResponse, read_response

T = TypeVar("T")
#: Connections that were idle for longer are discarded: the server may have closed them silently.
IDLE_SECONDS = 30
#: Loading these takes 3 ms; the roots of the machine take 25 ms. `python -m tools.ca_roots` writes the file.
AMAZONS_ROOTS = f"{__file__.rpartition('/')[0]}/roots.pem"
#: The most requests of `send_all` that are in flight at once.
WINDOW = 64


class Unreachable(Exception):
    """No response arrived. AWS may have executed the request, or not."""


class NoConnection(Unreachable):
    """No connection could be opened. The request was not sent."""


@dataclass(frozen=True, slots=True)
class Request:
    """A signed HTTP request. Header names are in lower case."""

    method: str
    origin: str  #: scheme, host and port: https://sqs.eu-central-1.amazonaws.com
    path: str
    headers: Mapping[str, str] = field(repr=False)  # they hold a signature and a session token
    body: bytes = field(repr=False)

    @property
    def url(self) -> str:
        """The complete URL."""
        return self.origin + self.path

    def encoded(self) -> bytes:
        """The request as HTTP/1.1."""
        lines = [f"{self.method} {self.path} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        lines += [f"content-length: {len(self.body)}", "accept-encoding: identity", "\r\n"]
        return "\r\n".join(lines).encode("latin-1") + self.body


@dataclass(frozen=True, slots=True)
class Response:
    """The response to a request."""

    status: int
    body: bytes


class Transport(Protocol):
    """Sends requests to AWS."""

    def send(self, request: Request) -> Response:
        """Send one request. Raises: Unreachable."""

    def send_all(self, requests: Sequence[Request]) -> list[Response | Unreachable]:
        """Send independent requests. Returns a response or an error for each, in order."""


class PooledTransport:
    """A transport over TCP, with TLS for https. It is thread-safe."""

    def __init__(self, *, connect_seconds: float, read_seconds: float, roots: str | None = None) -> None:
        """`roots` is a file of root certificates for all hosts.

        Without it, AWS is verified with Amazon's own roots, and other hosts with those of the machine.
        """
        self._connect_seconds = connect_seconds
        self._read_seconds = read_seconds
        self._roots = roots
        self._idle: dict[str, deque[tuple[socket.socket, float]]] = {}  #: by origin, with their last use

    def __del__(self) -> None:
        for origin in list(self._idle):
            self._discard_idle(origin)

    def send(self, request: Request) -> Response:
        """Send one request. Raises: Unreachable."""
        connection = self._send(request)
        try:
            return self._receive(request, connection, self._read_seconds)
        except Unreachable:
            self._discard_idle(request.origin)
            raise

    def send_all(self, requests: Sequence[Request]) -> list[Response | Unreachable]:
        """Send requests side by side, from one thread. Returns a response or an error for each, in order.

        Each request is sent once. All requests of a window are sent before the first response is read.
        """
        outcomes: list[Response | Unreachable] = []
        for start in range(0, len(requests), WINDOW):
            window = requests[start : start + WINDOW]
            connections = list(self._send_window(window))
            deadline = time.monotonic() + self._read_seconds
            for request, connection in zip(window, connections, strict=True):
                if isinstance(connection, Unreachable):
                    outcomes.append(connection)
                else:
                    seconds = max(0.001, deadline - time.monotonic())
                    outcomes.append(_or_unreachable(self._receive, request, connection, seconds))
        return outcomes

    def _send_window(self, requests: Sequence[Request]) -> Iterator[socket.socket | Unreachable]:
        """The connection of each request. After a failed connect, the origin is not tried again."""
        unreachable: dict[str, Unreachable] = {}  #: by origin
        for request in requests:
            if request.origin in unreachable:
                yield unreachable[request.origin]
                continue
            connection = _or_unreachable(self._send, request)
            if isinstance(connection, NoConnection):
                unreachable[request.origin] = connection
            yield connection

    def _send(self, request: Request) -> socket.socket:
        """Send a request. Returns the connection that its response comes back on."""
        with _errors_as(NoConnection, request):
            connection = self._take_idle(request.origin) or self._connect(request.origin)
        with _errors_as(Unreachable, request):
            try:
                connection.settimeout(self._read_seconds)
                connection.sendall(request.encoded())
            except OSError:
                connection.close()
                self._discard_idle(request.origin)
                raise
        return connection

    def _receive(self, request: Request, connection: socket.socket, seconds: float) -> Response:
        """Read the response, and keep the connection for the next request."""
        with _errors_as(Unreachable, request):
            try:
                connection.settimeout(seconds)
                response = read_response(connection.recv)
            except (OSError, BadResponse):
                connection.close()
                raise
        if response.closes:
            connection.close()
        else:
            self._idle.setdefault(request.origin, deque()).append((connection, time.time()))
        return Response(response.status, response.body)

    def _take_idle(self, origin: str) -> socket.socket | None:
        """An open idle connection; None when there is none."""
        idle = self._idle.get(origin)
        while idle:
            try:
                connection, since = idle.pop()
            except IndexError:  # another thread took the last one
                return None
            # No response is due, so readable means closed.
            if time.time() - since < IDLE_SECONDS and not _is_readable(connection):
                return connection
            connection.close()
        return None

    def _discard_idle(self, origin: str) -> None:
        """Discard idle connections: after a freeze they are all stale."""
        idle = self._idle.pop(origin, None)
        while idle:
            try:
                connection, _ = idle.pop()
            except IndexError:  # another thread took the last one
                return
            connection.close()

    def _connect(self, origin: str) -> socket.socket:
        parts = urlsplit(origin)
        assert parts.hostname is not None, origin
        secure = parts.scheme == "https"
        address = parts.hostname, parts.port or (443 if secure else 80)
        connection = socket.create_connection(address, timeout=self._connect_seconds)
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            if secure:
                context = self.ssl_context(parts.hostname)
                connection = context.wrap_socket(connection, server_hostname=parts.hostname)
        except OSError:
            connection.close()
            raise
        return connection

    def ssl_context(self, host: str) -> ssl.SSLContext:
        """The context that verifies the certificate of `host`."""
        return _context_with(self._roots or (AMAZONS_ROOTS if host.endswith(".amazonaws.com") else None))


def _or_unreachable(act: Callable[..., T], *arguments: object) -> T | Unreachable:
    """The result of `act`, or its Unreachable."""
    try:
        return act(*arguments)
    except Unreachable as error:
        return error


@cache
def _context_with(roots: str | None) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=roots)


def _is_readable(connection: socket.socket) -> bool:
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(0))


@contextmanager
def _errors_as(kind: type[Unreachable], request: Request) -> Iterator[None]:
    try:
        yield
    except (OSError, BadResponse) as error:
        raise kind(f"{request.origin}: {error or type(error).__name__}") from error
