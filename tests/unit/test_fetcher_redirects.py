"""The fetcher: the redirects it follows, and the headers it takes along."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from chalicelib.domain.outcomes import NonRetryable, Rejected
from chalicelib.fetching import FetchError, Request
from tests.support.fetches import LOCAL, get
from tests.support.http_server import Answer, HttpServer, RawServer


@pytest.fixture
def server() -> Iterator[HttpServer]:
    with HttpServer(Answer(200, b"fine")) as server:
        yield server


class TestRedirects:
    def test_are_returned_unless_they_are_followed(self, server: HttpServer) -> None:
        server.answer_with(Answer(302, headers={"location": "/next"}))

        assert get(server.url()).status == 302
        assert len(server.requests) == 1

    def test_are_followed_relative_to_the_url(self, server: HttpServer) -> None:
        server.answer_with(Answer(302, headers={"location": "next?a=b c"}), Answer(200, b"there"))

        assert get(server.url("/a/b"), follow_redirects=True).body == b"there"
        assert [request.path for request in server.requests] == ["/a/b", "/a/next?a=b%20c"]

    def test_may_name_a_path_in_utf_8(self, server: HttpServer) -> None:
        location = "/stra\u00dfe".encode().decode("latin-1")  # the bytes that the server sends
        server.answer_with(Answer(302, headers={"location": location}), Answer(200))
        get(server.url(), follow_redirects=True)

        assert server.requests[1].path == "/stra%C3%9Fe"

    def test_end_after_five(self, server: HttpServer) -> None:
        server.answer_with(Answer(302, headers={"location": "/again"}))

        with pytest.raises(NonRetryable, match="redirected more than 5 times"):
            get(server.url(), follow_redirects=True)
        assert len(server.requests) == 6

    def test_without_a_location_are_returned(self, server: HttpServer) -> None:
        server.answer_with(Answer(302), Answer(302, headers={"location": ""}))

        assert get(server.url(), follow_redirects=True).status == 302
        assert get(server.url(), follow_redirects=True).status == 302

    @pytest.mark.parametrize(
        "location",
        [
            *(
                "http://169.254.169.254/latest/meta-data/",
                "http://localhost/",
                "http://[::1]/",
                "//2130706433/",
            ),
            *("file:///etc/passwd", "http://user:word@127.0.0.1/", "http://[::1", "ftp://127.0.0.1/"),
        ],
    )
    def test_are_checked_like_the_first_url(self, server: HttpServer, location: str) -> None:
        server.answer_with(Answer(302, headers={"location": location}))

        with pytest.raises(Rejected):
            get(server.url(), follow_redirects=True)
        assert len(server.requests) == 1

    def test_share_one_deadline(self) -> None:
        def dawdle(connection: socket.socket) -> None:
            time.sleep(0.15)
            connection.sendall(b"HTTP/1.1 302 Found\r\nlocation: /\r\ncontent-length: 0\r\n\r\n")

        started = time.monotonic()
        with RawServer(dawdle) as server, pytest.raises(FetchError, match="did not answer within"):
            get(server.url(), follow_redirects=True, timeout_seconds=0.4)
        assert time.monotonic() - started < 0.75

    @pytest.mark.parametrize(
        ("status", "method", "method_after"),
        [
            *((301, "POST", "GET"), (302, "POST", "GET"), (303, "POST", "GET"), (303, "PUT", "GET")),
            *((307, "POST", "POST"), (308, "POST", "POST"), (302, "PUT", "PUT"), (303, "HEAD", "HEAD")),
        ],
    )
    def test_become_a_get_where_http_requires_it(
        self, server: HttpServer, status: int, method: str, method_after: str
    ) -> None:
        server.answer_with(Answer(status, headers={"location": "/next"}), Answer(200))
        headers = {"content-type": "text/plain", "webhook-signature": "v1,x", "authorization": "Bearer x"}
        request = Request(url=server.url(), method=method, headers=headers, body=b"body")
        LOCAL.fetch(request, timeout_seconds=5, limit_bytes=10, follow_redirects=True)

        after = server.requests[1]
        assert after.method == method_after
        kept = method == method_after
        assert after.body == (b"body" if kept else b"")
        assert ("content-type" in after.headers) is ("webhook-signature" in after.headers) is kept
        assert after.headers["authorization"] == "Bearer x"

    def test_send_no_secrets_to_another_origin(self, server: HttpServer) -> None:
        secrets = {
            "authorization": "Bearer x",
            "cookie": "a=b",
            "webhook-signature": "v1,x",
            "x-api-key": "key",
        }
        harmless = {"accept": "text/csv", "webhook-id": "task-1", "content-type": "text/plain"}
        with HttpServer(Answer(307, headers={"location": server.url("/next")})) as first:
            request = Request(url=first.url(), method="POST", headers={**secrets, **harmless}, body=b"body")
            LOCAL.fetch(request, timeout_seconds=5, limit_bytes=10, follow_redirects=True)
            assert secrets.items() <= first.requests[0].headers.items()

        after = server.requests[0].headers
        assert not secrets.keys() & after.keys()
        assert harmless.items() <= after.items()
