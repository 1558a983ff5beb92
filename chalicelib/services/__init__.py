"""The use cases, one a file. Collaborators come by constructor; nothing here knows AWS or Chalice."""

from __future__ import annotations

from types import ModuleType

from chalicelib.later import later

#: What only the function that pushes updates needs.
_LATER = frozenset({"realtime"})


def __getattr__(name: str) -> ModuleType:
    return later(__name__, name, _LATER)
