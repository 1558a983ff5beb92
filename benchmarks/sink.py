"""`@connections` of an API Gateway that accepts every frame at once, in a process of its own.

It responds faster than any client posts, so the client is measured. `GET /` returns the number of frames.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

ROOT: Final = Path(__file__).parents[1]
_TAKEN: Final = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"


@contextmanager
def sink() -> Iterator[str]:
    """The URL of a sink that runs for the duration of the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.sink"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.stdin.close()  # the end of its input ends it
        process.wait()
        process.stdout.close()


def frames_taken(url: str) -> int:
    """The number of frames that the sink at `url` has received."""
    server = HTTPConnection(urlsplit(url).netloc)
    server.request("GET", "/")
    count = int(server.getresponse().read())
    server.close()
    return count


class _Sink(asyncio.Protocol):
    taken = 0

    def __init__(self) -> None:
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end].lower()
            _, header, rest = head.partition(b"content-length:")
            length = end + 4 + (int(rest.split(b"\r\n", 1)[0]) if header else 0)
            if len(self._buffer) < length:
                return
            self._buffer = self._buffer[length:]
            self._transport.write(self._response(head))

    def _response(self, head: bytes) -> bytes:
        if head.startswith(b"post"):
            _Sink.taken += 1
            return _TAKEN
        text = str(_Sink.taken).encode()
        return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(text), text)


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Sink, "127.0.0.1", 0, backlog=4096)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await loop.run_in_executor(None, os.read, sys.stdin.fileno(), 1)


if __name__ == "__main__":
    asyncio.run(_serve())
