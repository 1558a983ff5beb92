"""The web pages: the dashboard and the API reference, with their scripts, style and headers."""

from __future__ import annotations

from types import ModuleType

from chalicelib.cold_start import lazy_module

#: Imported by requests for a page.
_LAZY = frozenset({"page_responses"})


def __getattr__(name: str) -> ModuleType:
    return lazy_module(__name__, name, _LAZY)
