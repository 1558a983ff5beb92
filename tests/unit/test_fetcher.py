"""The fetcher: the responses it returns, and the attacks of servers that it survives."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.domain.outcomes import NonRetryable
from chalicelib.fetching import Fetcher, FetchError, Request, Response
from tests.support.fetches import LOCAL, get
from tests.support.http_server import Answer, HttpServer, RawServer, raw


@pytest.fixture
def server() -> Iterator[HttpServer]:
    with HttpServer(Answer(200, b"fine")) as server:
        yield server


class TestAServerCannot:
    def test_exceed_the_timeout_with_a_byte_now_and_then(self) -> None:
        def drip(connection: socket.socket) -> None:
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            while True:
                connection.sendall(b"x")
                time.sleep(0.02)

        with RawServer(drip) as server:
            took = self.seconds_until_timeout(server.url())
        assert took < 2

    def test_exceed_the_timeout_with_endless_headers(self) -> None:
        def drip(connection: socket.socket) -> None:
            connection.sendall(b"HTTP/1.1 200 OK\r\nx: ")
            while True:
                connection.sendall(b"x")
                time.sleep(0.02)

        with RawServer(drip) as server:
            assert self.seconds_until_timeout(server.url()) < 2

    def test_exceed_the_timeout_with_interim_responses(self) -> None:
        def drip(connection: socket.socket) -> None:
            while True:
                connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
                time.sleep(0.02)

        with RawServer(drip) as server:
            assert self.seconds_until_timeout(server.url()) < 2

    def test_exceed_the_timeout_by_silence(self) -> None:
        with RawServer(lambda connection: bool(connection.recv(1)) or None) as server:
            assert self.seconds_until_timeout(server.url()) < 2

    def test_exceed_the_timeout_by_not_reading(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
            request = Request(url=url, method="POST", body=b"x" * 20_000_000)
            started = time.monotonic()
            with pytest.raises(FetchError, match="did not answer within"):
                LOCAL.fetch(request, timeout_seconds=0.3, limit_bytes=1000)
        assert time.monotonic() - started < 2

    def test_exceed_the_timeout_by_reading_slowly(self) -> None:
        def sip(connection: socket.socket) -> None:
            while connection.recv(65_536):
                time.sleep(0.02)

        def connect(address: tuple[str, int], timeout: float) -> socket.socket:
            connection = socket.create_connection(address, timeout)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65_536)
            return connection

        fetcher = Fetcher(allowed_hosts=["127.0.0.1"], connect=connect)
        with RawServer(sip) as server:
            request = Request(url=server.url(), method="POST", body=b"x" * 50_000_000)
            started = time.monotonic()
            with pytest.raises(FetchError, match="did not answer within"):
                fetcher.fetch(request, timeout_seconds=0.3, limit_bytes=1000)
            assert time.monotonic() - started < 2

    def test_exceed_the_timeout_by_resolving_slowly(self) -> None:
        def resolve(*_: Any, **__: Any) -> list[tuple[Any, ...]]:
            time.sleep(1)
            return []

        started = time.monotonic()
        with pytest.raises(FetchError, match="did not answer within"):
            get("http://slow.example/", Fetcher(resolve=resolve), timeout_seconds=0.1)
        assert time.monotonic() - started < 0.9

    def test_fill_the_memory_with_a_body(self) -> None:
        def pour(connection: socket.socket) -> None:
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            while True:
                connection.sendall(b"x" * 65_536)

        with RawServer(pour) as server:
            response = get(server.url())
        assert (response.body, response.truncated) == (b"x" * 1000, True)

    def test_fill_the_memory_with_headers(self) -> None:
        line = b"x: " + b"x" * 1000 + b"\r\n"
        with (
            RawServer(raw(b"HTTP/1.1 200 OK\r\n" + line * 90 + b"\r\n")) as server,
            pytest.raises(FetchError, match="answered with more than 32768 bytes of headers"),
        ):
            get(server.url())

    def test_send_many_headers(self) -> None:
        with (
            RawServer(raw(b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 101 + b"\r\n")) as server,
            pytest.raises(FetchError, match="not HTTP"),
        ):
            get(server.url())

    @pytest.mark.parametrize(
        ("answer", "reason"),
        [
            (b"", "closed the connection without an answer"),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", "in the middle of its answer"),
            (
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n",
                "in the middle of its answer",
            ),
            (
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n",
                "in the middle of its answer",
            ),
            (b"SSH-2.0-OpenSSH_9.0\r\n", r"what is not HTTP \(BadStatusLine\)"),
            (b"HTTP/1.1 abc\r\n\r\n", r"what is not HTTP \(BadStatusLine\)"),
            (b"HTTP/9.9 200 OK\r\n\r\n", r"what is not HTTP \(UnknownProtocol\)"),
        ],
    )
    def test_pass_an_incomplete_response_as_complete(self, answer: bytes, reason: str) -> None:
        with RawServer(raw(answer)) as server, pytest.raises(FetchError, match=reason):
            get(server.url())

    @settings(max_examples=150, deadline=None)
    @given(
        start=st.sampled_from([b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 302 Found\r\nlocation: "]),
        rest=st.lists(
            st.one_of(
                st.binary(max_size=40),
                st.sampled_from(
                    [b"\r\n", b"\r\n\r\n", b": ", b"content-length: ", b"transfer-encoding: chunked"]
                ),
                st.sampled_from(
                    [b"content-type: text/html; charset=", b"\x00", b"\xff", b"http://127.0.0.1:1/", b"[::"]
                ),
            ),
            max_size=12,
        ),
    )
    def test_break_the_fetcher_with_any_bytes(self, start: bytes, rest: list[bytes]) -> None:
        with RawServer(raw(start + b"".join(rest))) as server, suppress(FetchError, NonRetryable):
            response = get(server.url(), follow_redirects=True, timeout_seconds=1)
            assert isinstance(response.text, str)

    @staticmethod
    def seconds_until_timeout(url: str) -> float:
        started = time.monotonic()
        with pytest.raises(FetchError, match=r"^127\.0\.0\.1:\d+ did not answer within 0\.3 s$"):
            get(url, timeout_seconds=0.3, limit_bytes=10_000_000)
        return time.monotonic() - started


class TestResponses:
    def test_have_headers_in_lower_case_joined_and_unfolded(self) -> None:
        answer = b"HTTP/1.1 200 OK\r\nX-A: 1\r\nx-a: 2\r\nFolded: a\r\n   b\r\n\r\n"
        with RawServer(raw(answer)) as server:
            headers = get(server.url()).headers

        assert headers == {"x-a": "1, 2", "folded": "a b"}

    def test_may_be_chunked(self) -> None:
        answer = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"
        with RawServer(raw(answer)) as server:
            assert get(server.url()).body == b"abcde"

    def test_to_head_have_no_body(self, server: HttpServer) -> None:
        request = Request(url=server.url(), method="HEAD")

        assert LOCAL.fetch(request, timeout_seconds=5, limit_bytes=10).body == b""

    def test_of_exactly_the_limit_are_complete(self, server: HttpServer) -> None:
        assert not get(server.url(), limit_bytes=4).truncated
        assert get(server.url(), limit_bytes=3).truncated

    def test_are_requested_without_compression(self, server: HttpServer) -> None:
        request = Request(url=server.url(), headers={"accept-encoding": "gzip", "host": "elsewhere"})
        LOCAL.fetch(request, timeout_seconds=5, limit_bytes=10)

        sent = server.requests[0].headers
        assert sent["accept-encoding"] == "identity"
        assert sent["host"] == f"127.0.0.1:{server.port}"
        assert sent["user-agent"] == "task-service/1"

    @pytest.mark.parametrize(
        ("content_type", "body", "text"),
        [
            ("text/plain", "naïve".encode(), "naïve"),
            ("text/plain; charset=ISO-8859-1", "naïve".encode("latin-1"), "naïve"),
            ('text/plain; format=flowed; charset="windows-1252"', b"\x80", "€"),
            ("text/plain; charset=utf-16le", "naïve".encode("utf-16le"), "naïve"),
            ("text/plain; charset=shift_jis", "日本".encode("shift_jis"), "日本"),
            ("text/plain", b"\xff\xfe", "\ufffd\ufffd"),
            ("text/plain; charset=no-such-thing", "naïve".encode(), "naïve"),
            ("text/plain; charset=zlib", b"x\x9c", "x\ufffd"),
            ("text/plain; charset=punycode", b"abc-", "abc-"),
            ("text/plain; charset=undefined", b"abc", "abc"),
            ("text/plain; charset=../../x", b"abc", "abc"),
        ],
    )
    def test_are_decoded_by_their_charset(self, content_type: str, body: bytes, text: str) -> None:
        response = Response(status=200, headers={"content-type": content_type}, body=body, truncated=False)

        assert response.text == text

    def test_that_are_truncated_end_in_a_whole_character(self) -> None:
        assert Response(status=200, headers={}, body="aé".encode()[:2], truncated=True).text == "a"
        assert Response(status=200, headers={}, body="aé".encode()[:2], truncated=False).text == "a\ufffd"
