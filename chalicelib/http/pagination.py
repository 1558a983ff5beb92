"""Cursors: opaque, signed positions in a list, valid for one owner and one set of filters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from chalicelib.auth.signing import sign, verified
from chalicelib.domain.errors import BadCursor
from chalicelib.domain.formats import to_json
from chalicelib.domain.ids import is_task_id


def sign_cursor(keys: Sequence[bytes], owner: str, filters: Mapping[str, str], position: str) -> str:
    """The text of a cursor at `position`."""
    return sign(keys[0], _list(owner, filters), position)


def read_cursor(
    keys: Sequence[bytes],
    owner: str,
    filters: Mapping[str, str],
    cursor: str,
    is_position: Callable[[str], bool] = is_task_id,
) -> str:
    """The position in a cursor that one of `keys` signed for this list. Raises: BadCursor."""
    position = verified(keys, _list(owner, filters), cursor)
    if position is None or not is_position(position):
        raise BadCursor("The cursor does not belong to this list: start again without one.")
    return position


class Cursor:
    """A position in one list of an owner. Clients hold it as opaque text."""

    def __init__(
        self,
        keys: Sequence[bytes],
        owner: str,
        filters: Mapping[str, str],
        text: str | None,
        is_position: Callable[[str], bool] = is_task_id,
    ) -> None:
        """Without `text`, the start of the list. Raises: BadCursor."""
        self._keys = keys
        self._owner = owner
        self._filters = filters
        #: The page starts below this position; None at the start of the list.
        self.before = None if text is None else read_cursor(keys, owner, filters, text, is_position)

    def next(self, position: str | None) -> str | None:
        """The cursor of the page below `position`; None at the end of the list."""
        return None if position is None else sign_cursor(self._keys, self._owner, self._filters, position)


def _list(owner: str, filters: Mapping[str, str]) -> str:
    return "cursor" + to_json([owner, sorted(filters.items())])
