"""Where a URL leads."""

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
# What is no URL anywhere: urlsplit drops some of these in silence, and a request line must not hold them.
_NOT_IN_A_URL = re.compile(r"[\x00-\x20\x7f\ud800-\udfff]")
_ASCII = string.ascii_letters + string.digits + string.punctuation


def _without_controls(url: str) -> str:
    if found := _NOT_IN_A_URL.search(url):
        raise PydanticCustomError(
            "url_characters",
            "character {position} cannot be in a URL: percent-encode it",
            {"position": found.start() + 1},
        )
    return url


#: A URL in a payload. Where it leads is judged when it is fetched: a name may lead elsewhere by then.
Url = Annotated[
    str, StringConstraints(min_length=1, max_length=URL_LIMIT_CHARACTERS), AfterValidator(_without_controls)
]


@dataclass(frozen=True, slots=True)
class Target:
    """A URL in its parts: whatever checks or connects reads these and never parses the URL again."""

    scheme: str  #: http or https
    host: str  #: as written, in lower case, without brackets
    port: int
    path: str  #: with the query, percent-encoded

    @classmethod
    def parse(cls, url: str) -> Target:
        """Raises: Rejected when it is no URL, or not one that is fetched."""
        if _NOT_IN_A_URL.search(url):
            raise Rejected("the URL holds a space or a control character: percent-encode it")
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise Rejected(f"the URL cannot be read: {error}") from None
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
        """What two URLs share when the same server answers them."""
        return self.scheme, self.host, self.port

    @property
    def host_header(self) -> str:
        """The value of the Host header; it names the port only where it is not the scheme's own."""
        return self._bracketed if self.port == _DEFAULT_PORTS[self.scheme] else str(self)

    @property
    def _bracketed(self) -> str:
        return f"[{self.host}]" if ":" in self.host else self.host

    def __str__(self) -> str:
        """Host and port: what may be told and logged of a URL, for path and query can hold secrets."""
        return f"{self._bracketed}:{self.port}"


def join(base: str, location: str) -> str:
    """The URL that a Location header names, seen from `base`. Raises: Rejected when it names none."""
    # http.client reads headers as latin-1; servers that send other characters mean UTF-8.
    encoded = quote(location, safe=_ASCII, encoding="latin-1", errors="replace")
    try:
        return urljoin(base, encoded)
    except ValueError as error:
        raise Rejected(f"the answer redirects to what is no URL: {error}") from None


def _host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    if "[" in parts.netloc:
        return _ipv6(host)
    try:
        # Also turns look-alikes (full-width digits and dots) into what a resolver would make of them.
        host = host.encode("idna").decode("ascii").lower()
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
