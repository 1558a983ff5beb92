"""Response headers for browsers: security headers, and CORS for the allowed origins."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from chalice.app import Request, Response

#: On every response, also on those that API Gateway writes itself.
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
    """204 to a CORS preflight request; `with_browser_headers` adds its headers."""
    return Response("", status_code=204)


def with_browser_headers(response: Any, event: Any, origins: Collection[str]) -> Any:
    """An HTTP response with the security and CORS headers; the result of another event unchanged."""
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
