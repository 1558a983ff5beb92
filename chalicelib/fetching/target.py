"""Parses a URL into the parts that are checked and connected to."""

from __future__ import annotations

import re
import string
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv6Address
from typing import Annotated
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from pydantic import AfterValidator, StringConstraints
from pydantic_core import PydanticCustomError

from chalicelib.domain.outcomes import Rejected

URL_LIMIT_CHARACTERS = 4096
_DEFAULT_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}")
# Never valid in a URL: urlsplit silently drops some of these, and a request line must not contain them.
_NOT_IN_A_URL = re.compile(r"[\x00-\x20\x7f\ud800-\udfff]")
_ASCII = string.ascii_letters + string.digits + string.punctuation


def _without_controls(url: str) -> str:
    if match := _NOT_IN_A_URL.search(url):
        raise PydanticCustomError(
            "url_characters",
            "character {position} cannot be in a URL: percent-encode it",
            {"position": match.start() + 1},
        )
    return url


#: A URL in a payload. Its address is checked on each fetch, since a name can resolve differently by then.
Url = Annotated[
    str, StringConstraints(min_length=1, max_length=URL_LIMIT_CHARACTERS), AfterValidator(_without_controls)
]


@dataclass(frozen=True, slots=True)
class Target:
    """The parts of a URL. Checks and connections use these parts; nothing parses the URL again."""

    scheme: str  #: http or https
    host: str  #: in lower case, without brackets and without a trailing dot
    port: int
    path: str  #: with the query, percent-encoded

    @classmethod
    def parse(cls, url: str) -> Target:
        """The parts of `url`. Raises: Rejected for an invalid URL and for one that is not fetched."""
        if _NOT_IN_A_URL.search(url):
            raise Rejected("the URL contains a space or a control character: percent-encode it")
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise Rejected(f"the URL is not valid: {error}") from None
        if parts.scheme not in _DEFAULT_PORTS:
            raise Rejected(
                f"only http and https are fetched, not {parts.scheme[:20] or 'a URL without a scheme'}"
            )
        if "@" in parts.netloc:
            raise Rejected("a URL with a user name or password is not fetched: send an authorization header")
        if port == 0:
            raise Rejected("port 0 cannot be connected to")
        return cls(parts.scheme, _host(parts), port or _DEFAULT_PORTS[parts.scheme], _path(parts))

    @property
    def origin(self) -> tuple[str, str, int]:
        """Equal for two URLs of the same origin (RFC 6454)."""
        return self.scheme, self.host, self.port

    @property
    def host_header(self) -> str:
        """The value of the Host header, with the port unless it is the scheme's default."""
        return self._bracketed if self.port == _DEFAULT_PORTS[self.scheme] else str(self)

    @property
    def _bracketed(self) -> str:
        return f"[{self.host}]" if ":" in self.host else self.host

    def __str__(self) -> str:
        """Host and port, for messages and logs: path and query can hold secrets."""
        return f"{self._bracketed}:{self.port}"


def join(base: str, location: str) -> str:
    """The absolute URL of a Location header. Raises: Rejected when it is not valid."""
    # http.client decodes headers as latin-1; servers send other characters as UTF-8.
    encoded = quote(location, safe=_ASCII, encoding="latin-1", errors="replace")
    try:
        return urljoin(base, encoded)
    except ValueError as error:
        raise Rejected(f"the response redirects to a URL that is not valid: {error}") from None


def _host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    if "[" in parts.netloc:
        return _ipv6(host)
    try:
        # This also maps look-alikes (full-width digits and dots) as a resolver would.
        host = host.encode("idna").decode("ascii").lower().removesuffix(".")
    except UnicodeError:
        raise Rejected("the URL's host is not a valid name") from None
    if not _HOST.fullmatch(host):
        raise Rejected("the URL's host is not a valid name")
    return host


def _ipv6(host: str) -> str:
    try:
        address = IPv6Address(host)
    except AddressValueError:
        raise Rejected("the URL's host is not a valid IPv6 address") from None
    if address.scope_id is not None:
        raise Rejected("an IPv6 address with a zone is not fetched")
    return host


def _path(parts: SplitResult) -> str:
    path = parts.path or "/"
    return quote(f"{path}?{parts.query}" if parts.query else path, safe=_ASCII)
