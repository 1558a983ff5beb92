"""The table of operations, and the OpenAPI document that is generated from it."""

from __future__ import annotations

from types import ModuleType

from chalicelib.cold_start import lazy_module

#: Imported by requests for the document.
_LAZY = frozenset({"document"})


def __getattr__(name: str) -> ModuleType:
    return lazy_module(__name__, name, _LAZY)
