"""HTTP to AWS over connections that are kept."""

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

from chalicelib.aws.sdk.http_response import BadAnswer, read_answer

T = TypeVar("T")
#: A connection that was idle for longer is not used: the other side may have forgotten it without a word.
IDLE_SECONDS = 30
#: Reading these takes 3 ms, all that a machine trusts 25 ms. `python -m tools.ca_roots` writes them.
AMAZONS_ROOTS = f"{__file__.rpartition('/')[0]}/roots.pem"
#: Requests of `send_all` that are on their way at once.
WINDOW = 64


class Unreachable(Exception):
    """No answer came: the request may have been done, or not."""


class NoConnection(Unreachable):
    """None could be made: the request was not sent."""


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request, signed. Names of headers are in lower case."""

    method: str
    origin: str  #: scheme, host and port: https://sqs.eu-central-1.amazonaws.com
    path: str
    headers: Mapping[str, str] = field(repr=False)  # they hold a signature and a session's token
    body: bytes = field(repr=False)

    @property
    def url(self) -> str:
        """The whole address."""
        return self.origin + self.path

    def on_the_wire(self) -> bytes:
        """The bytes that are sent."""
        lines = [f"{self.method} {self.path} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        lines += [f"content-length: {len(self.body)}", "accept-encoding: identity", "\r\n"]
        return "\r\n".join(lines).encode("latin-1") + self.body


@dataclass(frozen=True, slots=True)
class Response:
    """The answer to a request."""

    status: int
    body: bytes


class Transport(Protocol):
    """Brings requests to AWS and answers back."""

    def send(self, request: Request) -> Response:
        """The answer. Raises: Unreachable."""

    def send_all(self, requests: Sequence[Request]) -> list[Response | Unreachable]:
        """The answers to requests that need not wait for each other, in their order."""


class KeptConnections:
    """A transport over TCP, with TLS for https. It may be used by many threads at once."""

    def __init__(self, *, connect_seconds: float, read_seconds: float, roots: str | None = None) -> None:
        """`roots` is a file of root certificates for all hosts. Without it Amazon's own vouch for AWS, and
        those of the machine for others."""
        self._connect_seconds = connect_seconds
        self._read_seconds = read_seconds
        self._roots = roots
        self._idle: dict[str, deque[tuple[socket.socket, float]]] = {}  #: by origin, with when they got idle

    def __del__(self) -> None:
        for origin in list(self._idle):
            self._drop_idle(origin)

    def send(self, request: Request) -> Response:
        """The answer. Raises: Unreachable."""
        connection = self._sent(request)
        try:
            return self._answer(request, connection, self._read_seconds)
        except Unreachable:
            self._drop_idle(request.origin)
            raise

    def send_all(self, requests: Sequence[Request]) -> list[Response | Unreachable]:
        """The answers, in order. So many requests are sent before the first answer is read as fit a window:
        one thread has them all on their way at once."""
        found: list[Response | Unreachable] = []
        for start in range(0, len(requests), WINDOW):
            window = requests[start : start + WINDOW]
            connections = list(self._all_sent(window))
            ends = time.monotonic() + self._read_seconds
            for request, connection in zip(window, connections, strict=True):
                if isinstance(connection, Unreachable):
                    found.append(connection)
                else:
                    seconds = max(0.001, ends - time.monotonic())
                    found.append(_or_unreachable(self._answer, request, connection, seconds))
        return found

    def _all_sent(self, requests: Sequence[Request]) -> Iterator[socket.socket | Unreachable]:
        """For each request its connection. Where none can be made, none is tried for those that follow."""
        closed: dict[str, Unreachable] = {}  #: by origin
        for request in requests:
            if request.origin in closed:
                yield closed[request.origin]
                continue
            sent = _or_unreachable(self._sent, request)
            if isinstance(sent, NoConnection):
                closed[request.origin] = sent
            yield sent

    def _sent(self, request: Request) -> socket.socket:
        """The connection that the request was sent on."""
        with _telling(request, NoConnection):
            connection = self._kept(request.origin) or self._connected(request.origin)
        with _telling(request):
            try:
                connection.settimeout(self._read_seconds)
                connection.sendall(request.on_the_wire())
            except OSError:
                connection.close()
                self._drop_idle(request.origin)
                raise
        return connection

    def _answer(self, request: Request, connection: socket.socket, seconds: float) -> Response:
        """What comes back on a connection, which is kept for the next request."""
        with _telling(request):
            try:
                connection.settimeout(seconds)
                answer = read_answer(connection.recv)
            except (OSError, BadAnswer):
                connection.close()
                raise
        if answer.last:
            connection.close()
        else:
            self._idle.setdefault(request.origin, deque()).append((connection, time.time()))
        return Response(answer.status, answer.body)

    def _kept(self, origin: str) -> socket.socket | None:
        """A connection that is open and idle; None when there is none."""
        idle = self._idle.get(origin)
        while idle:
            try:
                connection, since = idle.pop()
            except IndexError:  # another thread took the last one
                return None
            # Nothing was asked: what there is to read is its end.
            if time.time() - since < IDLE_SECONDS and not _is_readable(connection):
                return connection
            connection.close()
        return None

    def _drop_idle(self, origin: str) -> None:
        """One of them was no good: those that are as old, of a container that slept, are not tried."""
        idle = self._idle.pop(origin, None)
        while idle:
            try:
                connection, _ = idle.pop()
            except IndexError:  # another thread took the last one
                return
            connection.close()

    def _connected(self, origin: str) -> socket.socket:
        where = urlsplit(origin)
        assert where.hostname is not None, origin
        secure = where.scheme == "https"
        address = where.hostname, where.port or (443 if secure else 80)
        connection = socket.create_connection(address, timeout=self._connect_seconds)
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            if secure:
                connection = self.tls(where.hostname).wrap_socket(connection, server_hostname=where.hostname)
        except OSError:
            connection.close()
            raise
        return connection

    def tls(self, host: str) -> ssl.SSLContext:
        """Who may vouch for a host."""
        return _trusting(self._roots or (AMAZONS_ROOTS if host.endswith(".amazonaws.com") else None))


def _or_unreachable(act: Callable[..., T], *arguments: object) -> T | Unreachable:
    """What `act` answers, or why it could not."""
    try:
        return act(*arguments)
    except Unreachable as error:
        return error


@cache
def _trusting(roots: str | None) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=roots)


def _is_readable(connection: socket.socket) -> bool:
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(0))


@contextmanager
def _telling(request: Request, what: type[Unreachable] = Unreachable) -> Iterator[None]:
    try:
        yield
    except (OSError, BadAnswer) as error:
        raise what(f"{request.origin}: {error or type(error).__name__}") from error
