"""The Task Processing Service: everything that the Lambda functions of `app.py` run."""

from __future__ import annotations

from types import ModuleType

from chalicelib.later import later

#: What only some requests need.
_LATER = frozenset({"cursors", "openapi", "request_models", "responses"})


def __getattr__(name: str) -> ModuleType:
    return later(__name__, name, _LATER)
