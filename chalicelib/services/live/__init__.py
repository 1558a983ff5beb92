"""Live updates: WebSocket connections, and the frames that they receive from the table's stream."""

from __future__ import annotations

from types import ModuleType

from chalicelib.cold_start import lazy_module

#: Only the function that pushes updates imports this.
_LAZY = frozenset({"updates"})


def __getattr__(name: str) -> ModuleType:
    return lazy_module(__name__, name, _LAZY)
