"""Cursors: opaque, signed, and good only for the owner and the filters they were made for."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence

from chalicelib.domain.documents import to_json
from chalicelib.domain.errors import BadCursor
from chalicelib.domain.ids import is_task_id

_MAC_BYTES = 16


def sign_cursor(keys: Sequence[bytes], owner: str, filters: Mapping[str, str], position: str) -> str:
    """The cursor of a place in a list; the first key signs."""
    signature = _mac(keys[0], owner, filters, position)
    return base64.urlsafe_b64encode(signature + position.encode()).decode().rstrip("=")


def read_cursor(keys: Sequence[bytes], owner: str, filters: Mapping[str, str], cursor: str) -> str:
    """The position in a cursor that any of `keys` signed. Raises: BadCursor."""
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        signature, position = raw[:_MAC_BYTES], raw[_MAC_BYTES:].decode("ascii")
    except (binascii.Error, ValueError):
        raise BadCursor("The cursor is not one of this service.") from None
    genuine = any(hmac.compare_digest(signature, _mac(key, owner, filters, position)) for key in keys)
    if not genuine or not is_task_id(position):
        raise BadCursor("The cursor was not made for this list: start again without one.")
    return position


def _mac(key: bytes, owner: str, filters: Mapping[str, str], position: str) -> bytes:
    text = to_json([owner, sorted(filters.items()), position])
    return hmac.digest(key, text.encode(), hashlib.sha256)[:_MAC_BYTES]
