"""The guarded fetcher: what it refuses to connect to, and what no server can do to it."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.domain.outcomes import NonRetryable, Rejected
from chalicelib.task_types.fetching import Fetcher, FetchError, Request, Response, Target, guarded
from chalicelib.task_types.fetching.addresses import is_public
from tests.http_server import Answer, HttpServer, RawServer, raw

PUBLIC = "93.184.215.14"
LOCAL = Fetcher(allowed_hosts=["127.0.0.1"])


@pytest.fixture
def server() -> Iterator[HttpServer]:
    with HttpServer(Answer(200, b"fine")) as server:
        yield server


def get(url: str, fetcher: Fetcher = LOCAL, **options: Any) -> Response:
    return fetcher.fetch(Request(url=url), **{"timeout_seconds": 5, "limit_bytes": 1000, **options})


def never(*_: Any) -> socket.socket:
    raise AssertionError("connected")


class Internet:
    """A resolver and a connector for tests: names have the addresses given, and all lead to one server."""

    def __init__(self, server: HttpServer | None = None, **names: list[str]) -> None:
        self.names = {name.replace("_", "."): addresses for name, addresses in names.items()}
        self.connected: list[tuple[str, int]] = []
        self.asked: list[str] = []
        self._server = server

    def resolve(self, host: str, port: int, **_: Any) -> list[tuple[Any, ...]]:
        self.asked.append(host)
        if not self.names.get(host):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        # A list of one address stays; of several, each look-up takes the first away.
        answers = self.names[host]
        address = answers.pop(0) if len(answers) > 1 else answers[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in address.split()]

    def connect(self, address: tuple[str, int], timeout: float) -> socket.socket:
        self.connected.append(address)
        if self._server is None:
            raise ConnectionRefusedError(111, "Connection refused")
        return socket.create_connection(("127.0.0.1", self._server.port), timeout)

    def fetcher(self, *allowed_hosts: str) -> Fetcher:
        return Fetcher(allowed_hosts=allowed_hosts, resolve=self.resolve, connect=self.connect)


class TestAddressesThatAreNotPublic:
    @pytest.mark.parametrize(
        "address",
        [
            *(
                "0.0.0.0",
                "0.1.2.3",
                "10.0.0.1",
                "100.64.0.1",
                "100.127.255.255",
                "127.0.0.1",
                "127.255.255.254",
            ),
            *("169.254.169.254", "169.254.170.2", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.2.1"),
            *("192.88.99.1", "192.168.1.1", "198.18.0.1", "198.19.255.255", "198.51.100.7", "203.0.113.9"),
            *("224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"),
            *("::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:93.184.215.14", "64:ff9b::7f00:1"),
            *(
                "64:ff9b:1::1",
                "100::1",
                "2001::1",
                "2001:0:7f00:1::",
                "2001:db8::1",
                "2002:7f00:1::",
                "3fff::1",
            ),
            *("fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1"),
        ],
    )
    def test_are_told(self, address: str) -> None:
        assert not is_public(address)

    @pytest.mark.parametrize(
        "address",
        [PUBLIC, "1.1.1.1", "100.63.255.255", "100.128.0.1", "172.15.0.1", "172.32.0.1", "2606:4700::1111"],
    )
    def test_and_public_ones_too(self, address: str) -> None:
        assert is_public(address)


class TestUrlsThatAreRefused:
    @pytest.mark.parametrize(
        "host",
        [
            *(
                "127.0.0.1",
                "127.1",
                "127.0.1",
                "2130706433",
                "0x7f000001",
                "0x7f.1",
                "0177.0.0.1",
                "017700000001",
            ),
            *("0", "0.0.0.0", "localhost", "LOCALHOST", "127.255.255.254"),
            *("[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:127.0.0.1]"),
            *(
                "[::127.0.0.1]",
                "[64:ff9b::7f00:1]",
                "[2002:7f00:1::]",
                "[2001:0:0:0:0:0:80ff:fffe]",
                "[fe80::1]",
            ),
            *("169.254.169.254", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "[fd00:ec2::254]"),
            *("10.0.0.1", "192.168.0.1", "172.16.0.1", "100.64.0.1", "224.0.0.1", "255.255.255.255"),
            *("\u2460\u2461\u2466.0.0.1", "127\u30020\u30020\u30021", "\uff11\uff12\uff17.0.0.1"),
        ],
    )
    def test_whatever_way_a_private_address_is_spelled(self, host: str) -> None:
        with pytest.raises(Rejected, match="not public"):
            get(f"http://{host}/", Fetcher(connect=never))

    @pytest.mark.parametrize("host", ["127.0.0.1.", "localhost.", "127.0.0.0x1.", "1.1.1.257", "0x7f.1.."])
    def test_or_not_even_found_as_the_resolver_likes(self, host: str) -> None:
        with pytest.raises((Rejected, FetchError)):
            get(f"http://{host}/", Fetcher(connect=never))

    @pytest.mark.parametrize(
        "url",
        [
            *("file:///etc/passwd", "ftp://example.com/", "gopher://example.com/", "javascript:alert(1)"),
            *("//example.com/", "example.com", "", "http:", "http://", "http:///path", "https://:443/"),
            *("http://user@example.com/", "http://user:word@example.com/", "http://@example.com/"),
            *("http://example.com:99999/", "http://example.com:0/", "http://example.com:-1/", "http://a:b/"),
            *("http://[::1", "http://[::1%25lo]/", "http://[1.2.3.4]/", "http://[v1.x]/"),
            *(
                "http://exa mple.com/",
                "http://example.com/a b",
                "http://example.com/\r\nhost:x",
                "http://e\tx.com/",
            ),
            *(
                "http://example.com\\@127.0.0.1/",
                "http://a..b/",
                "http://" + "a" * 64 + ".com/",
                "http://ex%61/",
            ),
            *(
                "http://exam\x00ple.com/",
                "http://example.com/\x7f",
                "http://a,b/",
                "http://*/",
                "http://\udc00/",
            ),
        ],
    )
    def test_because_they_are_not_for_us(self, url: str) -> None:
        with pytest.raises(Rejected):
            get(url)

    def test_without_telling_a_password(self) -> None:
        with pytest.raises(Rejected) as refusal:
            get("http://ada:lovelace@example.com/")

        assert "lovelace" not in str(refusal.value)

    def test_a_name_with_one_private_address_among_public_ones(self) -> None:
        internet = Internet(mixed_example=[f"{PUBLIC} 10.0.0.1"])

        with pytest.raises(Rejected, match=r"^mixed\.example leads to an address that is not public$"):
            get("http://mixed.example/", internet.fetcher())
        assert internet.connected == []


class TestWhatIsConnectedTo:
    def test_is_the_address_that_was_checked_when_the_name_changes_its_answer(
        self, server: HttpServer
    ) -> None:
        internet = Internet(server, rebind_example=[PUBLIC, "127.0.0.1"])

        assert get("http://rebind.example/", internet.fetcher()).status == 200
        assert internet.asked == ["rebind.example"]
        assert internet.connected == [(PUBLIC, 80)]

        with pytest.raises(Rejected):
            get("http://rebind.example/", internet.fetcher())

    def test_is_the_next_address_when_one_does_not_answer(self, server: HttpServer) -> None:
        internet = Internet(server, two_example=["1.1.1.1 8.8.8.8"])

        def connect(address: tuple[str, int], timeout: float) -> socket.socket:
            assert timeout <= (
                2.5 if address[0] == "1.1.1.1" else 5
            )  # half of the time is left for the second
            connection = internet.connect(address, timeout)
            if address[0] == "1.1.1.1":
                connection.close()
                raise TimeoutError
            return connection

        fetcher = Fetcher(resolve=internet.resolve, connect=connect)

        assert get("http://two.example/", fetcher).body == b"fine"
        assert [address for address, _ in internet.connected] == ["1.1.1.1", "8.8.8.8"]

    def test_may_be_private_when_the_host_is_allowed_as_written(self, server: HttpServer) -> None:
        assert get(server.url(host="127.0.0.1")).body == b"fine"
        with pytest.raises(Rejected):
            get(server.url(host="localhost"))

    def test_follows_the_settings(self, server: HttpServer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("FETCH_ALLOWED_HOSTS", raising=False)
        with pytest.raises(Rejected):
            get(server.url(), guarded())

        monkeypatch.setenv("FETCH_ALLOWED_HOSTS", "Other.example, 127.0.0.1")
        assert get(server.url(), guarded()).body == b"fine"

    def test_is_no_proxy_of_the_environment(
        self, server: HttpServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, "http://127.0.0.1:1")

        assert get(server.url()).body == b"fine"

    def test_gets_the_name_that_was_asked_for(self, server: HttpServer) -> None:
        internet = Internet(server, example_com=[PUBLIC])
        internet.names["xn--bcher-kva.example"] = [PUBLIC]

        get("http://EXAMPLE.com", internet.fetcher())
        get("http://example.com:8080/a?b=c#d", internet.fetcher())
        get("http://b\u00fccher.example/stra\u00dfe?q=\u00fc%20", internet.fetcher())

        hosts = [request.headers["host"] for request in server.requests]
        assert hosts == ["example.com", "example.com:8080", "xn--bcher-kva.example"]
        assert [request.path for request in server.requests] == ["/", "/a?b=c", "/stra%C3%9Fe?q=%C3%BC%20"]

    def test_is_told_with_brackets_when_it_is_ipv6(self) -> None:
        assert Target.parse("http://[2606:4700::1111]/").host_header == "[2606:4700::1111]"
        assert str(Target.parse("https://[2606:4700::1111]/")) == "[2606:4700::1111]:443"


class TestFailuresAreToldWithoutPathAndQuery:
    def test_when_the_name_is_unknown(self) -> None:
        with pytest.raises(
            FetchError, match=r"^no\.example:80 cannot be reached: Name or service not known$"
        ):
            get("http://no.example/secret?token=secret", Internet().fetcher())

    def test_when_nobody_listens(self) -> None:
        fetcher = Internet(example_com=[PUBLIC]).fetcher()

        with pytest.raises(FetchError, match=r"^example\.com:443 cannot be reached: Connection refused$"):
            get("https://example.com/secret", fetcher)

    def test_when_the_name_has_no_address(self) -> None:
        with pytest.raises(FetchError, match="OSError"):
            get("http://example.com/", Fetcher(resolve=lambda *_, **__: []))


class TestNoServerCan:
    def test_stretch_the_time_with_a_byte_now_and_then(self) -> None:
        def drip(connection: socket.socket) -> None:
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            while True:
                connection.sendall(b"x")
                time.sleep(0.02)

        with RawServer(drip) as server:
            took = self.seconds_until_timeout(server.url())
        assert took < 2

    def test_stretch_the_time_with_endless_headers(self) -> None:
        def drip(connection: socket.socket) -> None:
            connection.sendall(b"HTTP/1.1 200 OK\r\nx: ")
            while True:
                connection.sendall(b"x")
                time.sleep(0.02)

        with RawServer(drip) as server:
            assert self.seconds_until_timeout(server.url()) < 2

    def test_stretch_the_time_with_interim_answers(self) -> None:
        def drip(connection: socket.socket) -> None:
            while True:
                connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
                time.sleep(0.02)

        with RawServer(drip) as server:
            assert self.seconds_until_timeout(server.url()) < 2

    def test_stretch_the_time_by_saying_nothing(self) -> None:
        with RawServer(lambda connection: bool(connection.recv(1)) or None) as server:
            assert self.seconds_until_timeout(server.url()) < 2

    def test_stretch_the_time_by_not_reading(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
            request = Request(url=url, method="POST", body=b"x" * 20_000_000)
            started = time.monotonic()
            with pytest.raises(FetchError, match="did not answer within"):
                LOCAL.fetch(request, timeout_seconds=0.3, limit_bytes=1000)
        assert time.monotonic() - started < 2

    def test_stretch_the_time_by_reading_slowly(self) -> None:
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

    def test_stretch_the_time_by_resolving_slowly(self) -> None:
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
    def test_pass_a_broken_answer_for_a_whole_one(self, answer: bytes, reason: str) -> None:
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


class TestAnswers:
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

    def test_of_the_very_limit_are_whole(self, server: HttpServer) -> None:
        assert not get(server.url(), limit_bytes=4).truncated
        assert get(server.url(), limit_bytes=3).truncated

    def test_are_asked_for_without_compression(self, server: HttpServer) -> None:
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
    def test_are_read_as_the_charset_they_declare(self, content_type: str, body: bytes, text: str) -> None:
        response = Response(status=200, headers={"content-type": content_type}, body=body, truncated=False)

        assert response.text == text

    def test_that_are_cut_do_not_end_in_half_a_character(self) -> None:
        assert Response(status=200, headers={}, body="aé".encode()[:2], truncated=True).text == "a"
        assert Response(status=200, headers={}, body="aé".encode()[:2], truncated=False).text == "a\ufffd"


class TestRedirects:
    def test_are_answers_unless_they_are_to_be_followed(self, server: HttpServer) -> None:
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

    def test_without_a_location_are_answers(self, server: HttpServer) -> None:
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
    def test_are_judged_like_the_first_url(self, server: HttpServer, location: str) -> None:
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
    def test_turn_into_a_get_where_http_says_so(
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

    def test_take_no_secrets_to_another_origin(self, server: HttpServer) -> None:
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
