"""The one way out: names resolved once, every address checked, everything bounded."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Collection
from concurrent.futures import Future
from functools import cache
from http.client import HTTPException, IncompleteRead, RemoteDisconnected
from threading import Thread
from typing import Any

from chalicelib.domain.outcomes import NonRetryable, Rejected
from chalicelib.domain.task_types import TaskContext
from chalicelib.fetching.addresses import is_public
from chalicelib.fetching.exchange import HEADERS_LIMIT_BYTES, Deadline, HeadersTooLarge, exchange
from chalicelib.fetching.message import FetchError, Request, Response
from chalicelib.fetching.target import Target
from chalicelib.settings import Settings

MAX_REDIRECTS = 5
_RESERVE_SECONDS = 1.0

Resolve = Callable[..., list[tuple[Any, ...]]]
Connect = Callable[[tuple[str, int], float], socket.socket]


@cache
def _system_tls() -> ssl.SSLContext:
    """The system's certificate authorities; reading them takes longer than most requests."""
    return ssl.create_default_context()


class Fetcher:
    """Fetches URLs that users wrote.

    Only addresses of the public internet are connected to, whatever a name resolves to and however a number
    is spelled; `allowed_hosts` (as written in the URL, in lower case) are trusted to be anywhere. A proxy
    named by the environment is not used.
    """

    def __init__(
        self,
        *,
        allowed_hosts: Collection[str] = (),
        resolve: Resolve = socket.getaddrinfo,
        connect: Connect = socket.create_connection,
        tls: Callable[[], ssl.SSLContext] = _system_tls,
    ) -> None:
        self._allowed_hosts = frozenset(host.lower().strip("[]") for host in allowed_hosts)
        self._resolve = resolve
        self._connect = connect
        self._tls = tls

    def fetch(
        self, request: Request, *, timeout_seconds: float, limit_bytes: int, follow_redirects: bool = False
    ) -> Response:
        """The answer to a request, within `timeout_seconds` in all, with at most `limit_bytes` of its body.

        Redirects are answers like any other, unless they are to be followed: then up to MAX_REDIRECTS, each
        judged like the first URL. Raises: Rejected for what is not fetched; FetchError when no answer came;
        NonRetryable after too many redirects.
        """
        deadline = Deadline(timeout_seconds)
        for _ in range(MAX_REDIRECTS + 1):
            response = self._fetch_one(request, deadline, limit_bytes)
            if not follow_redirects or response.location is None:
                return response
            request = request.redirected(response.status, response.location)
        raise NonRetryable(f"redirected more than {MAX_REDIRECTS} times")

    def _fetch_one(self, request: Request, deadline: Deadline, limit_bytes: int) -> Response:
        target = Target.parse(request.url)
        try:
            with self._connected(target, self._addresses(target, deadline), deadline) as sock:
                return exchange(sock, target, request, deadline, limit_bytes)
        except (OSError, HTTPException) as error:
            raise FetchError(_reason(error, target, deadline)) from error

    def _addresses(self, target: Target, deadline: Deadline) -> list[str]:
        """The addresses of the target's host, all of them public. Raises: Rejected, OSError."""
        found = [str(sockaddr[0]) for *_, sockaddr in self._look_up(target, deadline)]
        # One private address among public ones is refused too: it is a trick, or will not work anyway.
        if target.host not in self._allowed_hosts and not all(map(is_public, found)):
            raise Rejected(f"{target.host} leads to an address that is not public")
        return list(dict.fromkeys(found))

    def _look_up(self, target: Target, deadline: Deadline) -> list[tuple[Any, ...]]:
        """What getaddrinfo says, within the deadline: it takes no timeout, and a name's owner can be slow."""
        answer: Future[list[tuple[Any, ...]]] = Future()

        def ask() -> None:
            try:
                answer.set_result(self._resolve(target.host, target.port, type=socket.SOCK_STREAM))
            except (OSError, UnicodeError) as error:
                answer.set_exception(error)

        Thread(target=ask, name="name look-up", daemon=True).start()
        return answer.result(deadline.remaining())

    def _connected(self, target: Target, addresses: list[str], deadline: Deadline) -> socket.socket:
        """A connection to the first address that takes one; each gets its share of the time that is left."""
        failure: OSError = OSError("the name has no address")
        for index, address in enumerate(addresses):
            try:
                sock = self._connect((address, target.port), deadline.remaining() / (len(addresses) - index))
            except OSError as error:
                failure = error
            else:
                return self._secured(sock, target, deadline) if target.scheme == "https" else sock
        raise failure

    def _secured(self, sock: socket.socket, target: Target, deadline: Deadline) -> socket.socket:
        try:
            sock.settimeout(deadline.remaining())
            return self._tls().wrap_socket(sock, server_hostname=target.host.rstrip("."))
        except BaseException:
            sock.close()
            raise


def guarded() -> Fetcher:
    """A fetcher that allows what this stage's settings allow."""
    return Fetcher(allowed_hosts=Settings.current().fetch_allowed_hosts)


def time_left(context: TaskContext) -> float:
    """The seconds that a fetch may take, so that its task can still say how it ended."""
    return max(context.remaining_seconds() - _RESERVE_SECONDS, 0.0)


def _reason(error: OSError | HTTPException, target: Target, deadline: Deadline) -> str:
    """What went wrong in words that hold nothing of the request but host and port."""
    if isinstance(error, TimeoutError):
        return f"{target} did not answer within {deadline.seconds:g} s"
    if isinstance(error, HTTPException):
        return f"{target} {_protocol_reason(error)}"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"{target} has no valid certificate: {error.verify_message}"
    return f"{target} cannot be reached: {error.strerror or type(error).__name__}"


def _protocol_reason(error: HTTPException) -> str:
    match error:
        case HeadersTooLarge():
            return f"answered with more than {HEADERS_LIMIT_BYTES} bytes of headers"
        case RemoteDisconnected():
            return "closed the connection without an answer"
        case IncompleteRead():
            return "closed the connection in the middle of its answer"
        case _:
            return f"answered with what is not HTTP ({type(error).__name__})"
