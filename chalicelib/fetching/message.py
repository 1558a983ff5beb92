"""A request, its response, and the error of a fetch without a response."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from chalicelib.fetching import charset
from chalicelib.fetching.target import Target, join

# Another origin gets only headers that never hold a secret: an API key can be in a header of any name.
_SAFE_FOR_ANY_ORIGIN = frozenset(
    {
        "accept",
        "accept-language",
        "content-language",
        "content-type",
        "user-agent",
        "webhook-id",
        "webhook-timestamp",
    }
)
# Headers that describe a body; they are dropped with it.
_BODY_HEADERS = frozenset(
    {"content-encoding", "content-language", "content-type", "webhook-signature", "webhook-timestamp"}
)
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class FetchError(Exception):
    """No usable response this time. The message has host, port and reason, and no more of the URL."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """An HTTP request."""

    url: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)  #: names in lower case
    body: bytes | None = None

    def redirected(self, status: int, location: str) -> Request:
        """The request that follows a redirect of this one.

        303, and 301 and 302 after a POST, become a GET without a body (RFC 9110, 15.4). Headers that can hold
        a secret are dropped when the origin changes. Raises: Rejected for a `location` that is not fetched.
        """
        request = replace(self, url=join(self.url, location))
        if (status == 303 and self.method != "HEAD") or (status in (301, 302) and self.method == "POST"):
            headers = _without(self.headers, _BODY_HEADERS)
            request = replace(request, method="GET", body=None, headers=headers)
        if Target.parse(request.url).origin != Target.parse(self.url).origin:
            safe = {name: value for name, value in request.headers.items() if name in _SAFE_FOR_ANY_ORIGIN}
            request = replace(request, headers=safe)
        return request


@dataclass(frozen=True, kw_only=True, slots=True)
class Response:
    """An HTTP response."""

    status: int
    headers: Mapping[str, str]  #: names in lower case; repeated values are joined by ", "
    body: bytes
    truncated: bool  #: the body was longer than `limit_bytes`

    @property
    def location(self) -> str | None:
        """The target of a redirect; None without one."""
        return (self.headers.get("location") or None) if self.status in _REDIRECTS else None

    @property
    def text(self) -> str:
        """The body in its declared charset, else UTF-8, with U+FFFD for undecodable bytes."""
        return charset.decode(self.body, self.headers.get("content-type", ""), cut=self.truncated)


def _without(headers: Mapping[str, str], names: frozenset[str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name not in names}
