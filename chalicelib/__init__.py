"""The Task Processing Service: everything that the Lambda functions of `app.py` run."""

from __future__ import annotations

import sys
from types import ModuleType

from chalicelib import no_plugins
from chalicelib.later import later

#: What only some requests need.
_LATER = frozenset({"cursors", "openapi", "request_models", "responses"})

sys.modules["pydantic.plugin._loader"] = no_plugins


def __getattr__(name: str) -> ModuleType:
    return later(__name__, name, _LATER)
