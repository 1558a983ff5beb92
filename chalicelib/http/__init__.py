"""HTTP: reads requests, writes responses, and turns errors into problem documents."""

from __future__ import annotations

from types import ModuleType

from chalicelib.cold_start import lazy_module

#: Imported by the requests that need them.
_LAZY = frozenset({"pagination", "responses"})


def __getattr__(name: str) -> ModuleType:
    return lazy_module(__name__, name, _LAZY)
