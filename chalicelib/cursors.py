"""Cursors: opaque, signed, and good only for the owner and the filters they were made for."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence

from chalicelib.domain.documents import to_json
from chalicelib.domain.errors import BadCursor
from chalicelib.domain.ids import is_task_id

_MAC_BYTES = 16


def sign_cursor(keys: Sequence[bytes], owner: str, filters: Mapping[str, str], position: str) -> str:
    """The cursor of a place in a list; the first key signs."""
    text = to_json([owner, sorted(filters.items()), position])
    signature = hmac.digest(keys[0], text.encode(), hashlib.sha256)[:_MAC_BYTES]
    return base64.urlsafe_b64encode(signature + position.encode()).decode().rstrip("=")


def read_cursor(keys: Sequence[bytes], owner: str, filters: Mapping[str, str], cursor: str) -> str:
    """The position in a cursor that any of `keys` signed. Raises: BadCursor."""
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        position = raw[_MAC_BYTES:].decode("ascii")
    except ValueError:
        raise BadCursor("The cursor is not one of this service.") from None
    # Whole cursors are compared: several texts can stand for the same bytes, but one only was made here.
    genuine = any(hmac.compare_digest(cursor, sign_cursor([key], owner, filters, position)) for key in keys)
    if not genuine or not is_task_id(position):
        raise BadCursor("The cursor was not made for this list: start again without one.")
    return position
