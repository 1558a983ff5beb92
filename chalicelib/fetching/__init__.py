"""Fetching what a user names, without becoming the user's way into the private network.

A task type hands a `Request` to `guarded()` and gets a `Response`. What speaks HTTP is imported then:

    response = fetching.guarded().fetch(Request(url=payload.url), timeout_seconds=10, limit_bytes=65_536)
    expect_success(response)

The standard library's http.client speaks HTTP here. requests and httpx resolve the name themselves, after
any check that came before (DNS rebinding), and bound each wait instead of the whole exchange: the guard
would have to replace their transport, and they would add 1 to 3 MB to the zip for what is left of them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from chalicelib.fetching.message import FetchError, Request, Response
from chalicelib.fetching.target import Target, Url
from chalicelib.fetching.verdict import expect_success

if TYPE_CHECKING:
    from chalicelib.fetching.fetcher import Fetcher, guarded, time_left

__all__ = [
    "FetchError",
    "Fetcher",
    "Request",
    "Response",
    "Target",
    "Url",
    "expect_success",
    "guarded",
    "time_left",
]


def __getattr__(name: str) -> Any:
    if name not in ("Fetcher", "guarded", "time_left"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("chalicelib.fetching.fetcher"), name)
