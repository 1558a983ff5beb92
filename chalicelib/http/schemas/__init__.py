"""The bodies and queries of the HTTP API, as pydantic models."""

from __future__ import annotations

from types import ModuleType

from chalicelib.cold_start import lazy_module

#: Imported by requests with a body or a query.
_LAZY = frozenset({"requests"})


def __getattr__(name: str) -> ModuleType:
    return lazy_module(__name__, name, _LAZY)
