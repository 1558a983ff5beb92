"""The pages for people: the dashboard and the reference of the API, their scripts, style and headers."""

from __future__ import annotations

from types import ModuleType

from chalicelib.later import later

#: What only requests for a page need.
_LATER = frozenset({"answers"})


def __getattr__(name: str) -> ModuleType:
    return later(__name__, name, _LATER)
