"""The public keys of an OpenID Connect provider (RFC 7517), fetched when needed and kept.

A token with a key that is not known makes the set be fetched again, since providers rotate their keys, but
not more often than once in REFETCH_SECONDS: whoever sends forged key ids must not make us call the provider.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from threading import Lock
from typing import Any

import jwt

from chalicelib.domain.errors import Unavailable
from chalicelib.observability import log

#: Known keys are good for this long before they are fetched again.
KEPT_SECONDS = 3600.0
REFETCH_SECONDS = 30.0
_KEYS_LIMIT = 50
_BODY_LIMIT_BYTES = 128 * 1024
#: The type of key that each algorithm needs.
_KEY_TYPES = {"RS256": "RSA", "ES256": "EC"}

Fetch = Callable[[str], bytes]


def fetch_key_set(url: str) -> bytes:
    """The body behind a provider's URL, by the guarded fetcher: bounded in time and size."""
    from chalicelib.fetching import Request, expect_success, guarded  # noqa: PLC0415 - few stages need it

    response = guarded().fetch(Request(url=url), timeout_seconds=3, limit_bytes=_BODY_LIMIT_BYTES)
    expect_success(response)
    return response.body


class KeySet:
    """A provider's keys by id."""

    def __init__(self, url: str, fetch: Fetch, clock: Callable[[], float] = time.monotonic) -> None:
        self._url = url
        self._fetch = fetch
        self._clock = clock
        self._keys: dict[str, tuple[str, Any]] = {}
        self._fetched_at: float | None = None
        self._tried_at: float | None = None
        self._lock = Lock()

    def find(self, key_id: Any, algorithm: str) -> Any | None:
        """The key of that id, if it is made for `algorithm`; None when there is none.

        Raises: Unavailable when no keys are known and the provider does not answer.
        """
        if not isinstance(key_id, str):
            return None
        with self._lock:
            if self._is_old() or key_id not in self._keys:
                self._refresh()
            key_type, key = self._keys.get(key_id, ("", None))
        return key if key_type == _KEY_TYPES[algorithm] else None

    def _is_old(self) -> bool:
        return self._fetched_at is None or self._clock() - self._fetched_at >= KEPT_SECONDS

    def _refresh(self) -> None:
        """Fetch the keys, unless that was tried just now; old ones stay good while the provider is silent."""
        now = self._clock()
        if self._tried_at is not None and now - self._tried_at < REFETCH_SECONDS:
            if not self._keys:
                raise Unavailable("The keys of the token's issuer cannot be had now: try again in a moment.")
            return
        self._tried_at = now
        try:
            self._keys = _parsed(self._fetch(self._url))
        except Exception:
            log.exception("Key set not fetched", action="key_set_failed", url=self._url)
            if not self._keys:
                raise Unavailable(
                    "The keys of the token's issuer cannot be had now: try again in a moment."
                ) from None
        else:
            self._fetched_at = now


def _parsed(body: bytes) -> dict[str, tuple[str, Any]]:
    """Keys for signatures by id; what is of another kind is left out."""
    keys: dict[str, tuple[str, Any]] = {}
    for plain in json.loads(body)["keys"][:_KEYS_LIMIT]:
        if (
            plain.get("kty") not in _KEY_TYPES.values()
            or plain.get("use", "sig") != "sig"
            or "kid" not in plain
        ):
            continue
        try:
            keys[plain["kid"]] = (plain["kty"], jwt.PyJWK(plain).key)
        except jwt.PyJWTError:
            log.warning("Key skipped", action="key_skipped", key_id=plain["kid"])
    return keys
