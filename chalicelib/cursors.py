"""Cursors: opaque, signed, and good only for the owner and the filters they were made for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from chalicelib.domain.documents import to_json
from chalicelib.domain.errors import BadCursor
from chalicelib.domain.ids import is_task_id
from chalicelib.signing import sign, verified


def sign_cursor(keys: Sequence[bytes], owner: str, filters: Mapping[str, str], position: str) -> str:
    """The cursor of a place in a list."""
    return sign(keys[0], _list(owner, filters), position)


def read_cursor(
    keys: Sequence[bytes],
    owner: str,
    filters: Mapping[str, str],
    cursor: str,
    is_position: Callable[[str], bool] = is_task_id,
) -> str:
    """The position in a cursor that any of `keys` signed for this very list. Raises: BadCursor."""
    position = verified(keys, _list(owner, filters), cursor)
    if position is None or not is_position(position):
        raise BadCursor("The cursor was not made for this list: start again without one.")
    return position


def _list(owner: str, filters: Mapping[str, str]) -> str:
    return "cursor" + to_json([owner, sorted(filters.items())])
