"""Modules that are imported when something of them is first used, so that a function pays for no other's.

    def __getattr__(name: str) -> ModuleType:
        return later(__name__, name, {"api"})

in a package makes `from package import api` cost nothing until `api.something` is looked up.
"""

from __future__ import annotations

from collections.abc import Set
from importlib import import_module
from types import ModuleType
from typing import Any


def later(package: str, name: str, modules: Set[str]) -> ModuleType:
    """Stands for the module `name` of a package. Raises: AttributeError when it is none of `modules`."""
    if name not in modules:
        raise AttributeError(f"module {package!r} has no attribute {name!r}")
    return _Later(f"{package}.{name}")


class _Later(ModuleType):
    def __getattr__(self, name: str) -> Any:
        # Every time, and not copied: whoever replaces something in the module is heard.
        return getattr(import_module(self.__name__), name)
