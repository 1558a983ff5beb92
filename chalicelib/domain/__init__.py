"""What a task is and how it may change. Pure: no I/O, no clock and no randomness of its own."""

from __future__ import annotations

from types import ModuleType

from chalicelib.cold_start import lazy_module

#: Only the functions that receive messages need these.
_LAZY = frozenset({"messages"})


def __getattr__(name: str) -> ModuleType:
    return lazy_module(__name__, name, _LAZY)
