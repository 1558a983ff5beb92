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
#: While no key is known at all, nobody can call: then the provider is asked more often.
FIRST_FETCH_SECONDS = 3.0
_KEYS_LIMIT = 50
_BODY_LIMIT_BYTES = 128 * 1024
#: The algorithm that a type of key is taken for.
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
        """The key of that id, if it is made for `algorithm`; None when there is none.

        Raises: Unavailable when no keys are known and the provider does not answer.
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
        """Fetch the keys, unless that was tried just now; old ones stay good while the provider is silent."""
        now = self._clock()
        pause = REFETCH_SECONDS if self._keys else FIRST_FETCH_SECONDS
        if self._tried_at is None or now - self._tried_at >= pause:
            self._tried_at = now
            try:
                self._keys = _parsed(self._fetch(self._url))
                self._fetched_at = now
            except Exception:  # whatever a provider answers, the keys that are known stay good
                log.exception("Key set not fetched", action="key_set_failed", url=self._url)
        if not self._keys:
            raise Unavailable("The keys of the token's issuer cannot be had now: try again in a moment.")


def _parsed(body: bytes) -> Keys:
    """The keys for signatures; those of another kind, and those too weak, are left out."""
    found = (_key(plain) for plain in json.loads(body)["keys"][:_KEYS_LIMIT])
    return dict(entry for entry in found if entry is not None)


def _key(plain: Any) -> tuple[tuple[str, str], Any] | None:
    """One key by its id and algorithm; None when it is not good for signatures here."""
    if not isinstance(plain, dict) or not isinstance(plain.get("kid"), str):
        return None
    key_type = plain.get("kty")
    algorithm = _ALGORITHMS.get(key_type) if isinstance(key_type, str) else None
    is_public = "d" not in plain
    if algorithm is None or not is_public or plain.get("use", "sig") != "sig":
        return None
    if plain.get("alg", algorithm) != algorithm or plain.get("crv", _CURVE) != _CURVE:
        return None
    try:
        key = jwt.PyJWK(plain, algorithm=algorithm).key
    except (jwt.PyJWTError, ValueError):
        log.warning("Key skipped", action="key_skipped", key_id=plain["kid"])
        return None
    return None if key_type == "RSA" and key.key_size < _RSA_BITS else ((plain["kid"], algorithm), key)
