"""HTTP: requests read, responses written, errors as problem documents."""

from __future__ import annotations

from types import ModuleType

from chalicelib.cold_start import lazy_module

#: Only some requests need these.
_LAZY = frozenset({"pagination", "responses"})


def __getattr__(name: str) -> ModuleType:
    return lazy_module(__name__, name, _LAZY)
