"""JSON values that belong to a task: its payload and its result."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from chalicelib.domain.formats import to_json

#: JSON text of at most this many bytes stays in the task's row; more goes to an item of its own, because
#: every update of a row is billed by the whole row.
INLINE_LIMIT_BYTES = 1024
#: DynamoDB's limit of an item is 400 KB; this much of it may be a payload's JSON text.
PAYLOAD_LIMIT_BYTES = 256 * 1024
#: Deeper nesting is refused: encoders recurse, and must not fail on what was accepted once.
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
    """A JSON text and its size; the text is None while it is stored apart and was not asked for."""

    text: str | None
    size: int  #: bytes in UTF-8

    @classmethod
    def of(cls, value: Any) -> Document:
        """The document of a JSON value.

        Raises: TypeError or ValueError when it is not JSON, or nested too deep.
        """
        if nested_too_deep(value):
            raise ValueError(f"nested more than {DEPTH_LIMIT} levels deep")
        text = to_json(value)
        return cls(text, len(text.encode()))

    @property
    def stored_apart(self) -> bool:
        """Is it too big for the task's row?"""
        return self.size > INLINE_LIMIT_BYTES

    @property
    def missing(self) -> bool:
        """Is the text still to be read from its own item?"""
        return self.text is None

    def loaded(self, text: str | None) -> Document:
        """The same document with its text."""
        return replace(self, text=text)

    def value(self) -> Any:
        """The JSON value; None when the text was not loaded."""
        return None if self.text is None else json.loads(self.text)
