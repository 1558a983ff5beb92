"""The transport reuses connections while they work, and no request waits beyond its timeout."""

from __future__ import annotations

import ssl
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from socket import socket, socketpair
from threading import Barrier, Event

import pytest

from benchmarks.certificates import Certificates, make_certificates
from chalicelib.aws.sdk.transport import (
    AMAZONS_ROOTS,
    WINDOW,
    NoConnection,
    PooledTransport,
    Request,
    Response,
    Unreachable,
)
from tests.support.http_server import Answer, HttpServer, RawServer

FINE = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
PATIENCE = 20


def transport(read_seconds: float = 5, roots: str | None = None) -> PooledTransport:
    return PooledTransport(connect_seconds=2, read_seconds=read_seconds, roots=roots)


def post(origin: str, body: bytes = b"{}", path: str = "/") -> Request:
    return Request("POST", origin, path, {"host": origin.partition("//")[2]}, body)


def origin_of(server: HttpServer | RawServer) -> str:
    return server.url("").rstrip("/")


class Connections:
    """Serves each connection by a script, and counts them."""

    def __init__(self, serve: Callable[[socket, int], None]) -> None:
        self.count = 0
        self._serve = serve

    def __call__(self, connection: socket) -> None:
        self.count += 1
        self._serve(connection, self.count)


def answers(number: int) -> Callable[[socket, int], None]:
    """A number of responses on each connection, which then closes."""

    def serve(connection: socket, _: int) -> None:
        for _answer in range(number):
            if not connection.recv(65_536):
                return
            connection.sendall(FINE)

    return serve


def test_a_request_arrives_unchanged() -> None:
    with HttpServer(Answer(201, b"done", {"x-amzn-requestid": "1"})) as server:
        request = Request(
            "POST", origin_of(server), "/a%20b", {"host": "h", "x-amz-target": "T.Op"}, b"\xfftext"
        )
        assert transport().send(request) == Response(201, b"done")
    (came,) = server.requests
    assert (came.method, came.path, came.body) == ("POST", "/a%20b", b"\xfftext")
    assert (came.headers["host"], came.headers["x-amz-target"]) == ("h", "T.Op")


def test_a_connection_is_reused() -> None:
    connections = Connections(answers(5))
    with RawServer(connections, whole=True) as server:
        wire = transport()
        assert {wire.send(post(origin_of(server))).status for _ in range(5)} == {200}
    assert connections.count == 1


def test_a_connection_that_the_server_closed_is_not_used() -> None:
    ended = Event()

    def serve(connection: socket, number: int) -> None:
        answers(1)(connection, number)
        connection.close()
        ended.set()

    connections = Connections(serve)
    with RawServer(connections, whole=True) as server:
        wire = transport()
        for _ in range(3):
            assert wire.send(post(origin_of(server))).status == 200
            assert ended.wait(PATIENCE)
            ended.clear()
    assert connections.count == 3


@pytest.mark.parametrize(
    "say", [b"", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{}", b"no http\r\n\r\n"], ids=repr
)
def test_after_a_broken_response_the_next_request_opens_a_connection(
    say: bytes,
) -> None:
    def serve(connection: socket, number: int) -> None:
        connection.recv(65_536)
        connection.sendall(say if number == 1 else FINE)

    with RawServer(Connections(serve), whole=True) as server:
        wire = transport()
        with pytest.raises(Unreachable, match=r"127\.0\.0\.1"):
            wire.send(post(origin_of(server)))
        assert wire.send(post(origin_of(server))).status == 200


def test_a_silent_server_times_out() -> None:
    release = Event()

    def serve(connection: socket, _: int) -> None:
        release.wait(PATIENCE)

    with RawServer(Connections(serve), whole=True) as server:
        started = time.monotonic()
        with pytest.raises(Unreachable, match="timed out"):
            transport(read_seconds=0.1).send(post(origin_of(server)))
        assert time.monotonic() - started < PATIENCE / 2
        release.set()


def test_a_closed_port_is_unreachable() -> None:
    with socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        with pytest.raises(Unreachable):
            transport().send(post(f"http://127.0.0.1:{taken.getsockname()[1]}"))


def test_when_an_idle_connection_fails_the_others_are_discarded() -> None:
    """After a freeze they are all stale: four attempts must not use four of them."""
    count, all_there = 5, Event()
    come: list[bytes] = []

    def serve(connection: socket, number: int) -> None:
        come.append(connection.recv(65_536))
        if len(come) == count:
            all_there.set()
        assert all_there.wait(PATIENCE)
        connection.sendall(FINE)
        if number <= count:
            connection.recv(65_536)  # the next request is not answered
        else:
            answers(1)(connection, number)

    connections = Connections(serve)
    with RawServer(connections, whole=True) as server:
        wire = transport()
        requests = [post(origin_of(server))] * count
        assert wire.send_all(requests) == [Response(200, b"{}")] * count
        with pytest.raises(Unreachable):
            wire.send(post(origin_of(server)))
        assert wire.send(post(origin_of(server))).status == 200
        del wire
    assert connections.count == count + 1


def test_threads_may_discard_idle_connections_at_once() -> None:
    """A container thaws: the server closed most idle connections, and the rest is silent."""
    origin, threads = "http://127.0.0.1:9", 16
    for _ in range(100):
        wire = Answered()
        for number in range(4 * threads):
            wire.keep(origin, ended=bool(number % 10))
        together = Barrier(threads)

        def send(_: int, wire: Answered = wire, together: Barrier = together) -> object:
            together.wait(PATIENCE)
            try:
                return wire.send(post(origin))
            except Unreachable as error:
                return error

        with ThreadPoolExecutor(threads) as pool:
            found = list(pool.map(send, range(threads)))
        assert all(isinstance(each, Response | Unreachable) for each in found)
        del found
        wire.close()


class Answered(PooledTransport):
    """Each new connection has a response ready; idle ones have none."""

    def __init__(self) -> None:
        super().__init__(connect_seconds=5, read_seconds=0.001)
        self._ends: list[socket] = []

    def keep(self, origin: str, *, ended: bool) -> None:
        """Add an idle connection that the server closed, or that is silent."""
        mine, other = self._pair()
        if ended:
            other.close()
        self._idle.setdefault(origin, deque()).append((mine, time.time()))

    def _connect(self, _: str) -> socket:
        mine, other = self._pair()
        other.sendall(FINE)
        return mine

    def _pair(self) -> tuple[socket, socket]:
        pair = socketpair()
        self._ends += pair
        return pair

    def close(self) -> None:
        """Close both ends of all."""
        for end in self._ends:
            end.close()


class RefusingTransport(PooledTransport):
    """Counts attempts to connect, which all fail."""

    tried = 0

    def _connect(self, _: str) -> socket:
        self.tried += 1
        raise ConnectionRefusedError


class TestMany:
    def test_after_a_failed_connect_no_other_is_tried(self) -> None:
        wire = RefusingTransport(connect_seconds=5, read_seconds=5)
        found = wire.send_all([post("http://127.0.0.1:9")] * 10)
        assert [type(each) for each in found] == [NoConnection] * 10
        assert wire.tried == 1

    def test_a_silent_connection_leaves_the_others_in_use(self) -> None:
        def serve(connection: socket, _: int) -> None:
            while request := connection.recv(65_536):
                if b"stuck" not in request:
                    connection.sendall(FINE)

        connections = Connections(serve)
        with RawServer(connections, whole=True) as server:
            wire = transport(read_seconds=0.2)
            requests = [post(origin_of(server), body) for body in (b"fine", b"fine", b"stuck")]
            windows = [[type(each) for each in wire.send_all(requests)] for _ in range(2)]
            # Whatever time the last answer of a window had left, the next request has its own.
            assert wire.send(requests[0]).status == 200
            wire._discard_idle(origin_of(server))  # an error's traceback may hold the wire for a while
        assert windows == [[Response, Response, Unreachable]] * 2
        assert connections.count == 4

    def test_a_window_of_requests_is_in_flight_at_once(self) -> None:
        """No response is sent before all requests of a window have arrived."""
        come, all_there = [], Event()

        def serve(connection: socket, _: int) -> None:
            come.append(connection.recv(65_536))
            if len(come) == WINDOW:
                all_there.set()
            assert all_there.wait(PATIENCE)
            connection.sendall(FINE)
            connection.recv(1)  # until the client has gone

        with RawServer(Connections(serve), whole=True) as server:
            found = transport(read_seconds=PATIENCE).send_all([post(origin_of(server))] * WINDOW)
            assert found == [Response(200, b"{}")] * WINDOW

    def test_each_request_gets_its_own_response(self) -> None:
        def serve(connection: socket, _: int) -> None:
            while request := connection.recv(65_536):
                body = request.rpartition(b"\r\n\r\n")[2]
                connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))

        connections = Connections(serve)
        with RawServer(connections, whole=True) as server:
            wire = transport()
            bodies = [b"%d" % number for number in range(3 * WINDOW)]
            found = wire.send_all([post(origin_of(server), body) for body in bodies])
            assert [each.body for each in found if isinstance(each, Response)] == bodies
            del wire
        assert connections.count == WINDOW

    def test_a_missing_response_delays_no_other(self) -> None:
        release = Event()

        def serve(connection: socket, _: int) -> None:
            if b"stuck" in connection.recv(65_536):
                release.wait(PATIENCE)
            else:
                connection.sendall(FINE)

        with RawServer(Connections(serve), whole=True) as server:
            bodies = [b"stuck", b"fine", b"stuck", b"fine"]
            started = time.monotonic()
            found = transport(read_seconds=0.2).send_all([post(origin_of(server), each) for each in bodies])
            assert time.monotonic() - started < PATIENCE / 2
            release.set()
        assert [isinstance(each, Unreachable) for each in found] == [True, False, True, False]

    def test_no_request_has_no_response(self) -> None:
        assert transport().send_all([]) == []


class TestTls:
    @pytest.fixture
    def certificates(self, tmp_path: Path) -> Certificates:
        return make_certificates(tmp_path)

    def test_a_server_with_a_certificate_of_these_roots_is_trusted(self, certificates: Certificates) -> None:
        with HttpServer(Answer(200, b"{}"), tls=certificates.server) as server:
            wire = transport(roots=str(certificates.small_bundle))
            origin = f"https://localhost:{server.port}"
            assert [wire.send(post(origin)).status for _ in range(2)] == [200, 200]

    def test_amazons_roots_verify_aws_alone(self, certificates: Certificates) -> None:
        def roots(wire: PooledTransport, host: str) -> list[bytes]:
            return wire.ssl_context(host).get_ca_certs(binary_form=True)

        amazons = ssl.create_default_context(cafile=AMAZONS_ROOTS).get_ca_certs(binary_form=True)
        assert amazons
        assert roots(transport(), "dynamodb.eu-west-1.amazonaws.com") == amazons
        assert roots(transport(), "amazonaws.com.example") != amazons
        given = transport(roots=str(certificates.small_bundle))
        assert roots(given, "dynamodb.eu-west-1.amazonaws.com") == roots(given, "localhost") != amazons

    @pytest.mark.parametrize(("host", "known"), [("localhost", False), ("127.0.0.1", True)])
    def test_another_server_is_not_trusted(self, certificates: Certificates, host: str, known: bool) -> None:
        roots = str(certificates.small_bundle) if known else None
        with HttpServer(Answer(200, b"{}"), tls=certificates.server) as server:
            with pytest.raises(Unreachable, match="certificate verify failed"):
                transport(roots=roots).send(post(f"https://{host}:{server.port}"))
            assert server.requests == []
