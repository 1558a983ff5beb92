"""Signed text for URLs: whoever changes a character of it, or uses it for something else, is found out."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence

_MAC_BYTES = 16
#: Nothing that is signed here is longer: the ticket of an owner and a subject of 128 emoji is 2,600.
_LIMIT_CHARACTERS = 4096


def sign(key: bytes, purpose: str, body: str) -> str:
    """`body` and its signature, base64url; good for `purpose` alone."""
    mac = hmac.digest(key, f"{purpose}\0{body}".encode(), hashlib.sha256)[:_MAC_BYTES]
    return base64.urlsafe_b64encode(mac + body.encode()).decode().rstrip("=")


def verified(keys: Sequence[bytes], purpose: str, text: str) -> str | None:
    """The body of what any of `keys` signed for `purpose`; None when none did.

    While keys are rotated, two are good: the first signs, all verify.
    """
    if len(text) > _LIMIT_CHARACTERS or not text.isascii():
        return None
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        body = raw[_MAC_BYTES:].decode()
    except ValueError:
        return None
    # Whole texts are compared: several can stand for the same bytes, but only one was made here.
    genuine = any(hmac.compare_digest(text, sign(key, purpose, body)) for key in keys)
    return body if genuine else None
