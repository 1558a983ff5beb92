"""What a task is and how it may change. Pure: no I/O, no clock and no randomness of its own."""

from __future__ import annotations

from types import ModuleType

from chalicelib.later import later

#: What only functions that take messages need.
_LATER = frozenset({"messages"})


def __getattr__(name: str) -> ModuleType:
    return later(__name__, name, _LATER)
