"""Parses HTTP/1.1 responses (RFC 9112), as far as AWS uses them.

http.client parses them, too. It takes five times as long for each response, and as long to import as
everything else that a request to AWS needs. A test compares the results with http.client's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

_LONGEST_HEAD = 65_536
_CHUNK = 65_536
_WITHOUT_BODY = (204, 304)


class BadResponse(Exception):
    """The bytes are not a complete HTTP response."""


@dataclass(frozen=True, slots=True)
class ParsedResponse:
    """A complete response."""

    status: int
    body: bytes
    closes: bool  #: the server closes the connection after it


def read_response(receive: Callable[[int], bytes]) -> ParsedResponse:
    """Read one response. `receive` returns at most so many bytes, and none at the end.

    Raises: BadResponse.
    """
    reader = _Reader(receive)
    lines = reader.until(b"\r\n\r\n").decode("latin-1").split("\r\n")
    version, _, rest = lines[0].partition(" ")
    if version not in ("HTTP/1.1", "HTTP/1.0") or not rest[:3].isdecimal() or int(rest[:3]) < 200:
        raise BadResponse(f"not a status line: {lines[0][:100]!r}")
    status = int(rest[:3])
    headers = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in lines[1:])}
    closes = version == "HTTP/1.0" or headers.get("connection", "").lower() == "close"
    if status in _WITHOUT_BODY:
        return ParsedResponse(status, b"", closes)
    if headers.get("transfer-encoding", "").lower() == "chunked":
        return ParsedResponse(status, reader.chunks(), closes)
    length = headers.get("content-length")
    if length is None:
        return ParsedResponse(status, reader.rest(), closes=True)
    return ParsedResponse(status, reader.exactly(_size(length)), closes)


class _Reader:
    """Reads bytes in order."""

    def __init__(self, receive: Callable[[int], bytes]) -> None:
        self._receive = receive
        self._buffer = b""

    def until(self, end: bytes) -> bytes:
        """The bytes before `end`, which is consumed."""
        while end not in self._buffer:
            if len(self._buffer) > _LONGEST_HEAD:
                raise BadResponse("the head does not end")
            self._buffer += self._chunk()
        head, _, self._buffer = self._buffer.partition(end)
        return head

    def exactly(self, count: int) -> bytes:
        """The next `count` bytes."""
        parts, missing = [self._buffer], count - len(self._buffer)
        while missing > 0:
            parts.append(self._chunk())
            missing -= len(parts[-1])
        joined = b"".join(parts)
        self._buffer = joined[count:]
        return joined[:count]

    def chunks(self) -> bytes:
        """A body in chunks, without its trailer."""
        chunks: list[bytes] = []
        while size := _size(self.until(b"\r\n").partition(b";")[0].decode("latin-1"), base=16):
            chunks.append(self.exactly(size))
            self.exactly(2)
        while self.until(b"\r\n"):
            continue
        return b"".join(chunks)

    def rest(self) -> bytes:
        """All bytes until the connection ends."""
        parts = [self._buffer]
        while part := self._receive(_CHUNK):
            parts.append(part)
        return b"".join(parts)

    def _chunk(self) -> bytes:
        chunk = self._receive(_CHUNK)
        if not chunk:
            raise BadResponse("the connection ended before the response did")
        return chunk


def _size(text: str, base: int = 10) -> int:
    try:
        size = int(text, base)
    except ValueError:
        size = -1
    if size < 0:
        raise BadResponse(f"not a length: {text[:100]!r}")
    return size
