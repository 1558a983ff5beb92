"""The OpenAPI document and the table of operations that it is made from."""

from __future__ import annotations

from types import ModuleType

from chalicelib.cold_start import lazy_module

#: Only a request for the document needs it.
_LAZY = frozenset({"document"})


def __getattr__(name: str) -> ModuleType:
    return lazy_module(__name__, name, _LAZY)
