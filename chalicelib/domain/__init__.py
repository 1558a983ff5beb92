"""The task and its transitions. Pure code: no I/O, and callers pass the time and random numbers."""

from __future__ import annotations

from types import ModuleType

from chalicelib.cold_start import lazy_module

#: Only the functions that receive messages import these.
_LAZY = frozenset({"messages"})


def __getattr__(name: str) -> ModuleType:
    return lazy_module(__name__, name, _LAZY)
