"""Headers for browsers: which pages may call the API, and what a browser must not do with an answer."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from chalice.app import Request, Response

#: What every answer tells a browser, the gateway's own ones too.
EVERY_RESPONSE = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
}
_ALLOWED = {
    "Access-Control-Allow-Headers": (
        "Authorization, Content-Type, Idempotency-Key, If-None-Match, Prefer, X-Correlation-Id"
    ),
    "Access-Control-Allow-Methods": "DELETE, GET, POST",
    "Access-Control-Expose-Headers": (
        "ETag, Idempotency-Replayed, Location, Preference-Applied, RateLimit, RateLimit-Policy, Retry-After"
    ),
    "Access-Control-Max-Age": "600",
}


def preflight(**_: str) -> Response:
    """204 to a page that asks whether it may call; `with_browser_headers` adds the answer."""
    return Response("", status_code=204)


def with_browser_headers(response: Any, event: Any, origins: Collection[str]) -> Any:
    """The response of an HTTP request with the headers that keep browsers safe; anything else as it is."""
    if not isinstance(event, Request) or not isinstance(response, Response):
        return response
    for name, value in EVERY_RESPONSE.items():
        response.headers.setdefault(name, value)
    origin = event.headers.get("origin")
    if origins:
        response.headers["Vary"] = "Origin"
    if origin is not None and origin in origins:
        response.headers |= {"Access-Control-Allow-Origin": origin, **_ALLOWED}
    return response
