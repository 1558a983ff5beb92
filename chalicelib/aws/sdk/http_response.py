"""Reading an HTTP answer (RFC 9112), as much of it as AWS uses.

http.client does it, too: it takes five times as long for each answer, and as long to import as all else that
a request to AWS needs. A test holds every answer against it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

_MOST_OF_A_HEAD = 65_536
_PIECE = 65_536
_WITHOUT_BODY = (204, 304)


class BadAnswer(Exception):
    """What came is no whole HTTP answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer."""

    status: int
    body: bytes
    last: bool  #: the connection takes no further request


def read_answer(receive: Callable[[int], bytes]) -> Answer:
    """The answer that `receive` brings, so many bytes at most at a time. Raises: BadAnswer."""
    reader = _Reader(receive)
    lines = reader.until(b"\r\n\r\n").decode("latin-1").split("\r\n")
    version, _, rest = lines[0].partition(" ")
    if version not in ("HTTP/1.1", "HTTP/1.0") or not rest[:3].isdecimal() or int(rest[:3]) < 200:
        raise BadAnswer(f"not an answer: {lines[0][:100]!r}")
    status = int(rest[:3])
    headers = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in lines[1:])}
    last = version == "HTTP/1.0" or headers.get("connection", "").lower() == "close"
    if status in _WITHOUT_BODY:
        return Answer(status, b"", last)
    if headers.get("transfer-encoding", "").lower() == "chunked":
        return Answer(status, reader.chunks(), last)
    length = headers.get("content-length")
    if length is None:
        return Answer(status, reader.rest(), last=True)
    return Answer(status, reader.exactly(_number(length)), last)


class _Reader:
    """Bytes in order."""

    def __init__(self, receive: Callable[[int], bytes]) -> None:
        self._receive = receive
        self._come = b""

    def until(self, end: bytes) -> bytes:
        """Everything before `end`, which is taken, too."""
        while end not in self._come:
            if len(self._come) > _MOST_OF_A_HEAD:
                raise BadAnswer("the head does not end")
            self._more()
        found, _, self._come = self._come.partition(end)
        return found

    def exactly(self, count: int) -> bytes:
        """The next `count` bytes."""
        pieces, missing = [self._come], count - len(self._come)
        while missing > 0:
            pieces.append(self._piece())
            missing -= len(pieces[-1])
        whole = b"".join(pieces)
        self._come = whole[count:]
        return whole[:count]

    def chunks(self) -> bytes:
        """A body that comes in chunks, the trailer dropped."""
        chunks: list[bytes] = []
        while size := _number(self.until(b"\r\n").partition(b";")[0].decode("latin-1"), base=16):
            chunks.append(self.exactly(size))
            self.exactly(2)
        while self.until(b"\r\n"):
            continue
        return b"".join(chunks)

    def rest(self) -> bytes:
        """Everything until the connection ends."""
        pieces = [self._come]
        while piece := self._receive(_PIECE):
            pieces.append(piece)
        return b"".join(pieces)

    def _more(self) -> None:
        self._come += self._piece()

    def _piece(self) -> bytes:
        piece = self._receive(_PIECE)
        if not piece:
            raise BadAnswer("the connection ended before the answer did")
        return piece


def _number(text: str, base: int = 10) -> int:
    try:
        number = int(text, base)
    except ValueError:
        number = -1
    if number < 0:
        raise BadAnswer(f"not a length: {text[:100]!r}")
    return number
