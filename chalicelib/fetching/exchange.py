"""One HTTP exchange over a connected socket, with a limit of bytes and one deadline for all of it."""

from __future__ import annotations

import io
import re
import socket
import time
from http.client import HTTPConnection, HTTPException, HTTPResponse, IncompleteRead
from typing import TYPE_CHECKING, cast

from chalicelib.fetching.message import Request, Response
from chalicelib.fetching.target import Target

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

USER_AGENT = "task-service/1"
HEADERS_LIMIT_BYTES = 32_768
_FOLD = re.compile(r"\s*[\r\n]+\s*")


class Deadline:
    """The moment at which an exchange ends, however its time was spent."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def remaining(self) -> float:
        """The seconds left, above 0. Raises: TimeoutError after the deadline."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


class HeadersTooLarge(HTTPException):
    """The status line and headers are longer than HEADERS_LIMIT_BYTES."""


def exchange(
    sock: socket.socket, target: Target, request: Request, deadline: Deadline, limit_bytes: int
) -> Response:
    """Send the request and return its response, with at most `limit_bytes` of the body.

    Raises: OSError (TimeoutError after the deadline) and HTTPException without a complete response.
    """
    bounded = _BoundedSocket(sock, deadline)
    connection = HTTPConnection(target.host, target.port)
    connection.sock = cast(socket.socket, bounded)  # http.client uses these methods only
    # No compression: a few compressed kilobytes could unpack to gigabytes.
    fixed = {"host": target.host_header, "accept-encoding": "identity", "connection": "close"}
    connection.request(
        request.method, target.path, request.body, {"user-agent": USER_AGENT, **request.headers, **fixed}
    )
    with connection.getresponse() as response:
        bounded.end_of_headers()
        body = _body(response, limit_bytes)
        return Response(
            status=response.status,
            headers=_headers(response),
            body=body[:limit_bytes],
            truncated=len(body) > limit_bytes,
        )


def _body(response: HTTPResponse, limit_bytes: int) -> bytes:
    body = response.read(limit_bytes + 1)
    # read(n) treats a connection that closes early as the end of the body.
    if response.length and len(body) <= limit_bytes:
        raise IncompleteRead(body, response.length)
    return body


def _headers(response: HTTPResponse) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in response.getheaders():
        line = _FOLD.sub(" ", str(value)).strip()
        key = name.lower()
        headers[key] = f"{headers[key]}, {line}" if key in headers else line
    return headers


class _BoundedSocket:
    """The methods of a socket that http.client uses. Every wait ends at the deadline.

    A socket's own timeout restarts with each byte, so a server that sends one byte a second would never end.
    """

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._sock = sock
        self._deadline = deadline
        self._reader = _Reader(sock, deadline)

    def sendall(self, data: ReadableBuffer) -> None:
        view = memoryview(data)
        while view:
            self._sock.settimeout(self._deadline.remaining())
            view = view[self._sock.send(view) :]

    def makefile(self, mode: str) -> io.BufferedReader:
        assert mode == "rb"
        return io.BufferedReader(self._reader)

    def end_of_headers(self) -> None:
        self._reader.allowance = None

    def close(self) -> None:
        """Leave the socket open: the fetcher closes it after the body is read."""


class _Reader(io.RawIOBase):
    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._sock = sock
        self._deadline = deadline
        self.allowance: int | None = HEADERS_LIMIT_BYTES  #: bytes still accepted; None: any number

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        if self.allowance is not None and self.allowance <= 0:
            raise HeadersTooLarge
        self._sock.settimeout(self._deadline.remaining())
        count = self._sock.recv_into(buffer)
        if self.allowance is not None:
            self.allowance -= count
        return count
