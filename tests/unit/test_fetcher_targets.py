"""The fetcher: the addresses it connects to, and the URLs it rejects."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.domain.outcomes import Rejected
from chalicelib.fetching import Fetcher, FetchError, Request, Target, fetch
from chalicelib.fetching.addresses import is_public
from tests.support.fetches import PUBLIC, Internet, get, never
from tests.support.http_server import Answer, HttpServer


@pytest.fixture
def server() -> Iterator[HttpServer]:
    with HttpServer(Answer(200, b"fine")) as server:
        yield server


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

    @pytest.mark.parametrize(
        "host",
        ["127.0.0.1.", "localhost.", "LOCALHOST.", "127.0.0.0x1.", "2130706433.", "127\u30020.0.1\u3002"],
    )
    def test_a_private_address_followed_by_a_dot(self, host: str) -> None:
        with pytest.raises(Rejected, match="not public"):
            get(f"http://{host}/", Fetcher(connect=never))

    @pytest.mark.parametrize("host", [".", "..", "127.0.0.1..", "0x7f.1..", "example.com.."])
    def test_a_name_with_an_empty_part(self, host: str) -> None:
        with pytest.raises(Rejected, match="not a valid name"):
            get(f"http://{host}/", Fetcher(resolve=never, connect=never))

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
        assert internet.resolved == ["rebind.example"]
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
            fetch(Request(url=server.url()), timeout_seconds=5, limit_bytes=1000)

        monkeypatch.setenv("FETCH_ALLOWED_HOSTS", "Other.example, 127.0.0.1")
        assert fetch(Request(url=server.url()), timeout_seconds=5, limit_bytes=1000).body == b"fine"

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


class TestNamesWithoutAnAddress:
    """The resolver's final answers end the task; its temporary failures are retried."""

    @staticmethod
    def get(code: int, message: str) -> None:
        def resolve(*_: Any, **__: Any) -> list[tuple[Any, ...]]:
            raise socket.gaierror(code, message)

        get("http://no.example/secret?token=secret", Fetcher(resolve=resolve, connect=never))

    @pytest.mark.parametrize(
        ("code", "message"),
        [
            (socket.EAI_NONAME, "Name or service not known"),
            (getattr(socket, "EAI_NODATA", socket.EAI_NONAME), "No address associated with hostname"),
        ],
        ids=["no such name", "no address"],
    )
    def test_are_rejected(self, code: int, message: str) -> None:
        with pytest.raises(Rejected, match=f"^no\\.example cannot be resolved: {message}$"):
            self.get(code, message)

    @pytest.mark.parametrize("code", [socket.EAI_AGAIN, socket.EAI_FAIL, socket.EAI_MEMORY])
    def test_are_retried_when_the_resolver_failed(self, code: int) -> None:
        with pytest.raises(FetchError, match=r"^no\.example:80 cannot be reached: the resolver failed$"):
            self.get(code, "the resolver failed")

    def test_are_rejected_even_when_the_host_is_allowed(self) -> None:
        with pytest.raises(Rejected, match="cannot be resolved"):
            get("http://no.example/", Internet().fetcher("no.example"))

    def test_are_rejected_behind_a_redirect(self, server: HttpServer) -> None:
        server.answer_with(Answer(302, headers={"location": "http://no.example/"}))

        with pytest.raises(Rejected, match=r"^no\.example cannot be resolved"):
            get(
                "http://example.com/", Internet(server, example_com=[PUBLIC]).fetcher(), follow_redirects=True
            )


class TestADotAtTheEndOfAName:
    """`example.com.` is the same host as `example.com`."""

    def test_is_left_out_of_the_look_up_and_the_host_header(self, server: HttpServer) -> None:
        internet = Internet(server, example_com=[PUBLIC])

        assert get("http://example.com.:8080/", internet.fetcher()).status == 200
        assert internet.resolved == ["example.com"]
        assert server.requests[0].headers["host"] == "example.com:8080"

    @pytest.mark.parametrize(
        ("allowed", "written"), [("home.example", "home.example."), ("home.example.", "home.example")]
    )
    def test_does_not_count_in_the_allowed_hosts(
        self, server: HttpServer, allowed: str, written: str
    ) -> None:
        internet = Internet(server, home_example=["10.0.0.1"])

        assert get(f"http://{written}/", internet.fetcher(allowed)).body == b"fine"

    def test_makes_no_other_origin(self) -> None:
        assert Target.parse("http://example.com./").origin == Target.parse("http://example.com/").origin


class TestFailuresAreToldWithoutPathAndQuery:
    def test_when_nobody_listens(self) -> None:
        fetcher = Internet(example_com=[PUBLIC]).fetcher()

        with pytest.raises(FetchError, match=r"^example\.com:443 cannot be reached: Connection refused$"):
            get("https://example.com/secret", fetcher)

    def test_when_the_name_has_no_address(self) -> None:
        with pytest.raises(FetchError, match="OSError"):
            get("http://example.com/", Fetcher(resolve=lambda *_, **__: []))
