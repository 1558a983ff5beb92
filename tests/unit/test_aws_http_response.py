"""HTTP responses are parsed as http.client parses them."""

from __future__ import annotations

import io
from collections.abc import Callable
from http.client import HTTPResponse
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.aws.sdk.http_response import BadResponse, ParsedResponse, read_response

NAMES = st.sampled_from(["Server", "x-amzn-RequestId", "Date", "Content-Type", "x-amz-crc32"])
VALUES = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=30)


@st.composite
def answers(draw: st.DrawFn) -> bytes:
    """A response that a server may send."""
    status = draw(st.sampled_from([200, 201, 204, 304, 400, 410, 500, 503]))
    body = b"" if status in (204, 304) else draw(st.binary(max_size=300))
    lines = [f"HTTP/1.{draw(st.sampled_from('01'))} {status} {draw(st.sampled_from(['OK', '', 'No Way']))}"]
    lines += [f"{name}: {value}" for name, value in draw(st.dictionaries(NAMES, VALUES)).items()]
    if lines[0].startswith("HTTP/1.1") and draw(st.booleans()):
        lines.append("Connection: " + draw(st.sampled_from(["close", "keep-alive", "Close"])))
    kind = draw(st.sampled_from(["length", "chunks", "end"]))
    if kind == "length":
        lines.append(f"Content-LENGTH:{len(body)}  ")
    if kind == "chunks" and lines[0].startswith("HTTP/1.1") and status not in (204, 304):
        lines.append("transfer-encoding: Chunked")
        size = draw(st.integers(1, 100))
        parts = [body[start : start + size] for start in range(0, len(body), size)]
        body = b"".join(f"{len(part):x};note\r\n".encode() + part + b"\r\n" for part in parts)
        body += b"0\r\n" + draw(st.sampled_from([b"", b"trailer: 1\r\n"])) + b"\r\n"
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + (b"" if status in (204, 304) else body)


class _Socket:
    """The socket of http.client."""

    def __init__(self, sent: bytes) -> None:
        self._sent = sent

    def makefile(self, mode: str) -> io.BytesIO:
        return io.BytesIO(self._sent)


def receiving(sent: bytes, most: int = 65_536) -> Callable[[int], bytes]:
    """A connection that returns the bytes in small chunks, and then closes."""
    stream = io.BytesIO(sent)
    return lambda count: stream.read(min(count, most))


@given(answers(), st.integers(1, 400))
def test_every_response_is_parsed_as_http_client_parses_it(sent: bytes, most: int) -> None:
    theirs = HTTPResponse(cast("Any", _Socket(sent)), method="POST")
    theirs.begin()
    expected = ParsedResponse(theirs.status, theirs.read(), theirs.will_close)
    assert read_response(receiving(sent, most)) == expected


def test_bytes_after_the_response_are_no_part_of_it() -> None:
    sent = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}rest"
    assert read_response(receiving(sent)).body == b"{}"


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"x" * 200_000,
    ],
    ids=lambda sent: repr(sent[:60]),
)
def test_an_incomplete_response_is_an_error(sent: bytes) -> None:
    with pytest.raises(BadResponse):
        read_response(receiving(sent))
