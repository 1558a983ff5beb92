"""Fetches URLs that users wrote, and keeps those users out of the private network.

    response = fetching.fetch(Request(url=payload.url), timeout_seconds=10, limit_bytes=65_536)
    expect_success(response)

The HTTP code is imported on the first fetch. It is the standard library's http.client. requests and httpx
resolve the name themselves, after any check made before (DNS rebinding), and they bound each wait, not the
whole exchange. A guard would have to replace their transport, and they would add 1 to 3 MB to the zip.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from chalicelib.fetching.message import FetchError, Request, Response
from chalicelib.fetching.status import expect_success
from chalicelib.fetching.target import Target, Url

if TYPE_CHECKING:
    from chalicelib.fetching.fetcher import Fetcher, fetch, time_left

__all__ = [
    "FetchError",
    "Fetcher",
    "Request",
    "Response",
    "Target",
    "Url",
    "expect_success",
    "fetch",
    "time_left",
]


def __getattr__(name: str) -> Any:
    if name not in ("Fetcher", "fetch", "time_left"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("chalicelib.fetching.fetcher"), name)
