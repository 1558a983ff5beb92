"""The pages for people: the dashboard and the reference of the API, their scripts, style and headers."""

from __future__ import annotations

from types import ModuleType

from chalicelib.cold_start import lazy_module

#: Only requests for a page need this.
_LAZY = frozenset({"page_responses"})


def __getattr__(name: str) -> ModuleType:
    return lazy_module(__name__, name, _LAZY)
