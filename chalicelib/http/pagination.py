"""Cursors: opaque, signed, and good only for the owner and the filters they were made for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from chalicelib.auth.signing import sign, verified
from chalicelib.domain.errors import BadCursor
from chalicelib.domain.formats import to_json
from chalicelib.domain.ids import is_task_id


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


class Cursor:
    """A position in one list of an owner, which clients keep as opaque text."""

    def __init__(
        self,
        keys: Sequence[bytes],
        owner: str,
        filters: Mapping[str, str],
        text: str | None,
        is_position: Callable[[str], bool] = is_task_id,
    ) -> None:
        """The beginning of the list without `text`. Raises: BadCursor."""
        self._keys = keys
        self._owner = owner
        self._filters = filters
        #: The list goes on below this; None at its beginning.
        self.before = None if text is None else read_cursor(keys, owner, filters, text, is_position)

    def next(self, position: str | None) -> str | None:
        """The text of the cursor that goes on below `position`; None at the end of the list."""
        return None if position is None else sign_cursor(self._keys, self._owner, self._filters, position)


def _list(owner: str, filters: Mapping[str, str]) -> str:
    return "cursor" + to_json([owner, sorted(filters.items())])
