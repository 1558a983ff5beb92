"""The JSON values of a task: its payload and its result."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from chalicelib.domain.formats import to_json

#: JSON text of at most this many bytes is stored in the task's row. Longer text has an item of its own:
#: DynamoDB bills every update by the size of the whole row.
INLINE_LIMIT_BYTES = 1024
#: The longest JSON text of a payload. DynamoDB's limit of an item is 400 KB.
PAYLOAD_LIMIT_BYTES = 256 * 1024
#: Deeper nesting is refused: JSON encoders recurse, and must not fail on an accepted value.
DEPTH_LIMIT = 100


def nested_too_deep(value: Any) -> bool:
    """Is a JSON value nested more than DEPTH_LIMIT levels deep?"""
    level = [value]
    for _ in range(DEPTH_LIMIT + 1):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return False
    return True


@dataclass(frozen=True, slots=True)
class Document:
    """A JSON text and its size. The text is None if it has an item of its own that was not read."""

    text: str | None
    size: int  #: bytes in UTF-8

    @classmethod
    def of(cls, value: Any) -> Document:
        """The document of a JSON value.

        Raises: TypeError or ValueError when the value is not JSON or is nested too deep.
        """
        if nested_too_deep(value):
            raise ValueError(f"nested more than {DEPTH_LIMIT} levels deep")
        text = to_json(value)
        return cls(text, len(text.encode()))

    @property
    def stored_apart(self) -> bool:
        """Is the text stored in an item of its own?"""
        return self.size > INLINE_LIMIT_BYTES

    @property
    def missing(self) -> bool:
        """Has the text not been read from its item?"""
        return self.text is None

    def loaded(self, text: str | None) -> Document:
        """The same document with its text."""
        return replace(self, text=text)

    def value(self) -> Any:
        """The JSON value; None when the text is missing."""
        return None if self.text is None else json.loads(self.text)
