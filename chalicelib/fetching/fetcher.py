"""Fetches URLs: each name is resolved once, each address is checked, time and size have limits."""

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

#: getaddrinfo's errors for a name that does not exist, and for a name without an address (Linux).
#: Others, such as EAI_AGAIN of a resolver that does not respond, can be different on the next attempt.
_NO_ADDRESS = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})

Resolve = Callable[..., list[tuple[Any, ...]]]
Connect = Callable[[tuple[str, int], float], socket.socket]


@cache
def _system_tls() -> ssl.SSLContext:
    """A context with the system's certificate authorities; reading them takes longer than most requests."""
    return ssl.create_default_context()


class Fetcher:
    """Fetches URLs that users wrote.

    It connects to addresses of the public internet only, in any notation and after name resolution. The
    `allowed_hosts`, compared with the host in the URL, may have any address. Proxy variables of the
    environment are ignored.
    """

    def __init__(
        self,
        *,
        allowed_hosts: Collection[str] = (),
        resolve: Resolve = socket.getaddrinfo,
        connect: Connect = socket.create_connection,
        tls: Callable[[], ssl.SSLContext] = _system_tls,
    ) -> None:
        self._allowed_hosts = frozenset(host.lower().strip("[]").removesuffix(".") for host in allowed_hosts)
        self._resolve = resolve
        self._connect = connect
        self._tls = tls

    def fetch(
        self, request: Request, *, timeout_seconds: float, limit_bytes: int, follow_redirects: bool = False
    ) -> Response:
        """The response, within `timeout_seconds` in all, with at most `limit_bytes` of its body.

        `follow_redirects` follows up to MAX_REDIRECTS, each checked like the first URL; without it a redirect
        is returned. Raises: Rejected for a URL that is not fetched and for a host without an address;
        FetchError without a complete response; NonRetryable after too many redirects.
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
        try:
            addresses = [str(sockaddr[0]) for *_, sockaddr in self._resolved(target, deadline)]
        except socket.gaierror as error:
            if error.errno not in _NO_ADDRESS:
                raise
            raise Rejected(f"{target.host} cannot be resolved: {error.strerror}") from error
        # One private address among public ones is refused too: it is an attack, or it does not work anyway.
        if target.host not in self._allowed_hosts and not all(map(is_public, addresses)):
            raise Rejected(f"{target.host} leads to an address that is not public")
        return list(dict.fromkeys(addresses))

    def _resolved(self, target: Target, deadline: Deadline) -> list[tuple[Any, ...]]:
        """getaddrinfo's result, within the deadline: it has no timeout, and a name server can be slow."""
        result: Future[list[tuple[Any, ...]]] = Future()

        def resolve() -> None:
            try:
                result.set_result(self._resolve(target.host, target.port, type=socket.SOCK_STREAM))
            except (OSError, UnicodeError) as error:
                result.set_exception(error)

        Thread(target=resolve, name="name resolution", daemon=True).start()
        return result.result(deadline.remaining())

    def _connected(self, target: Target, addresses: list[str], deadline: Deadline) -> socket.socket:
        """A connection to the first address that accepts one; each gets an equal share of the time left."""
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
            return self._tls().wrap_socket(sock, server_hostname=target.host)
        except BaseException:
            sock.close()
            raise


def fetch(
    request: Request, *, timeout_seconds: float, limit_bytes: int, follow_redirects: bool = False
) -> Response:
    """The response, as `Fetcher.fetch` returns it, with the private hosts that the settings allow."""
    return Fetcher(allowed_hosts=Settings.current().fetch_allowed_hosts).fetch(
        request,
        timeout_seconds=timeout_seconds,
        limit_bytes=limit_bytes,
        follow_redirects=follow_redirects,
    )


def time_left(context: TaskContext) -> float:
    """The seconds that a fetch may take, with the time for recording the outcome subtracted."""
    return max(context.remaining_seconds() - _RESERVE_SECONDS, 0.0)


def _reason(error: OSError | HTTPException, target: Target, deadline: Deadline) -> str:
    """The failure in words, with nothing of the request but host and port."""
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
