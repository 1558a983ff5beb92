"""A request, its response, and why there is none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from chalicelib.fetching import charset
from chalicelib.fetching.target import Target, join

# Another origin gets only what is known to hold no secret: an API key can be in a header of any name.
_SENT_TO_ANY_ORIGIN = frozenset(
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
# Headers that speak of a body, and so go with it.
_OF_THE_BODY = frozenset(
    {"content-encoding", "content-language", "content-type", "webhook-signature", "webhook-timestamp"}
)
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class FetchError(Exception):
    """No usable answer came, this time: the message tells host, port and reason, no more of the URL."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """What to send."""

    url: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)  #: names in lower case
    body: bytes | None = None

    def redirected(self, status: int, location: str) -> Request:
        """The request that a redirect of this one asks for.

        303, and 301 and 302 after a POST, become a GET without a body (RFC 9110, 15.4). Headers that can hold
        a secret stay behind when the origin changes. Raises: Rejected when `location` is not fetched.
        """
        after = replace(self, url=join(self.url, location))
        if (status == 303 and self.method != "HEAD") or (status in (301, 302) and self.method == "POST"):
            after = replace(after, method="GET", body=None, headers=_without(self.headers, _OF_THE_BODY))
        if Target.parse(after.url).origin != Target.parse(self.url).origin:
            kept = {name: value for name, value in after.headers.items() if name in _SENT_TO_ANY_ORIGIN}
            after = replace(after, headers=kept)
        return after


@dataclass(frozen=True, kw_only=True, slots=True)
class Response:
    """What was answered."""

    status: int
    headers: Mapping[str, str]  #: names in lower case; a repeated one's values are joined by ", "
    body: bytes
    truncated: bool  #: the body was longer than asked for

    @property
    def location(self) -> str | None:
        """Where the answer redirects to, if it does."""
        return (self.headers.get("location") or None) if self.status in _REDIRECTS else None

    @property
    def text(self) -> str:
        """The body in the charset it declares, else UTF-8, with U+FFFD for what cannot be read."""
        return charset.decode(self.body, self.headers.get("content-type", ""), cut=self.truncated)


def _without(headers: Mapping[str, str], names: frozenset[str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name not in names}
