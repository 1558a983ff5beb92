"""Signed text for URLs: a changed character or another purpose makes the signature invalid."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence

_MAC_BYTES = 16
#: The longest signed text, the ticket of an owner and a subject of 128 emoji each, has 2,600 characters.
_LIMIT_CHARACTERS = 4096


def sign(key: bytes, purpose: str, body: str) -> str:
    """`body` with its signature as base64url, valid for `purpose` only."""
    mac = hmac.digest(key, f"{purpose}\0{body}".encode(), hashlib.sha256)[:_MAC_BYTES]
    return base64.urlsafe_b64encode(mac + body.encode()).decode().rstrip("=")


def verified(keys: Sequence[bytes], purpose: str, text: str) -> str | None:
    """The body of `text` if one of `keys` signed it for `purpose`, else None.

    During a key rotation two keys are valid: the first signs, both verify.
    """
    if len(text) > _LIMIT_CHARACTERS or not text.isascii():
        return None
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        body = raw[_MAC_BYTES:].decode()
    except ValueError:
        return None
    # Compare whole texts: several base64 texts decode to the same bytes, and only one is what `sign` returns.
    genuine = any(hmac.compare_digest(text, sign(key, purpose, body)) for key in keys)
    return body if genuine else None
