"""The public keys of an OpenID Connect provider (RFC 7517), fetched on demand and cached.

An unknown key id makes the service fetch the key set again, because providers rotate their keys. It fetches
at most once in REFETCH_SECONDS, so that forged key ids do not cause a request each.
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

#: Cached keys are valid for this long.
KEPT_SECONDS = 3600.0
REFETCH_SECONDS = 30.0
#: The interval while no key is cached: until then every token is refused.
FIRST_FETCH_SECONDS = 3.0
_KEYS_LIMIT = 50
_BODY_LIMIT_BYTES = 128 * 1024
#: The algorithm of each accepted key type.
_ALGORITHMS = {"RSA": "RS256", "EC": "ES256"}
_CURVE = "P-256"
_RSA_BITS = 2048

Fetch = Callable[[str], bytes]
Keys = dict[tuple[str, str], Any]


def fetch_key_set(url: str) -> bytes:
    """The body behind a provider's URL, within limits of time and size."""
    from chalicelib.fetching import Request, expect_success, fetch  # noqa: PLC0415 - few stages need it

    response = fetch(Request(url=url), timeout_seconds=3, limit_bytes=_BODY_LIMIT_BYTES)
    expect_success(response)
    return response.body


class KeySet:
    """A provider's keys by id and algorithm."""

    def __init__(self, url: str, fetch: Fetch, clock: Callable[[], float] = time.monotonic) -> None:
        self._url = url
        self._fetch = fetch
        self._clock = clock
        self._keys: Keys = {}
        self._fetched_at: float | None = None
        self._tried_at: float | None = None
        self._lock = Lock()

    def find(self, key_id: Any, algorithm: str) -> Any | None:
        """The key with this id for `algorithm`, or None.

        Raises: Unavailable if no keys are cached and the provider does not respond.
        """
        if not isinstance(key_id, str):
            return None
        with self._lock:
            if self._is_old() or (key_id, algorithm) not in self._keys:
                self._refresh()
            return self._keys.get((key_id, algorithm))

    def _is_old(self) -> bool:
        return self._fetched_at is None or self._clock() - self._fetched_at >= KEPT_SECONDS

    def _refresh(self) -> None:
        """Fetch the keys, unless the last try was just now. If that fails, the cached keys stay valid."""
        now = self._clock()
        pause = REFETCH_SECONDS if self._keys else FIRST_FETCH_SECONDS
        if self._tried_at is None or now - self._tried_at >= pause:
            self._tried_at = now
            try:
                self._keys = _parsed(self._fetch(self._url))
                self._fetched_at = now
            except Exception:  # no response of a provider may invalidate the cached keys
                log.exception("Key set not fetched", action="key_set_failed", url=self._url)
        if not self._keys:
            raise Unavailable("The keys of the token's issuer are not available: try again in a moment.")


def _parsed(body: bytes) -> Keys:
    """The accepted signature keys of a key set. Other kinds of keys and weak keys are left out."""
    entries = (_entry(jwk) for jwk in json.loads(body)["keys"][:_KEYS_LIMIT])
    return dict(entry for entry in entries if entry is not None)


def _entry(jwk: Any) -> tuple[tuple[str, str], Any] | None:
    """A key with its id and algorithm; None if it is not accepted."""
    if not isinstance(jwk, dict) or not isinstance(jwk.get("kid"), str):
        return None
    key_type = jwk.get("kty")
    algorithm = _ALGORITHMS.get(key_type) if isinstance(key_type, str) else None
    is_public = "d" not in jwk
    if algorithm is None or not is_public or jwk.get("use", "sig") != "sig":
        return None
    if jwk.get("alg", algorithm) != algorithm or jwk.get("crv", _CURVE) != _CURVE:
        return None
    try:
        key = jwt.PyJWK(jwk, algorithm=algorithm).key
    except (jwt.PyJWTError, ValueError):
        log.warning("Key skipped", action="key_skipped", key_id=jwk["kid"])
        return None
    return None if key_type == "RSA" and key.key_size < _RSA_BITS else ((jwk["kid"], algorithm), key)
