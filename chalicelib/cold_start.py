"""Keeps cold starts short: modules that are imported late, and a search that is left out."""

from __future__ import annotations

import sys
from collections.abc import Set
from importlib import import_module
from types import ModuleType
from typing import Any


def lazy_module(package: str, name: str, modules: Set[str]) -> ModuleType:
    """Return a stand-in for the module `name` of a package, imported when an attribute is first used.

        def __getattr__(name: str) -> ModuleType:
            return lazy_module(__name__, name, {"responses"})

    in a package makes `from package import responses` free until `responses.something` is used, so that a
    function does not pay for the modules of another one.

    Raises: AttributeError when `name` is none of `modules`.
    """
    if name not in modules:
        raise AttributeError(f"module {package!r} has no attribute {name!r}")
    return _LazyModule(f"{package}.{name}")


class _LazyModule(ModuleType):
    def __getattr__(self, name: str) -> Any:
        # Looked up each time and not copied, so that a replaced attribute of the module is seen.
        return getattr(import_module(self.__name__), name)


def disable_pydantic_plugins() -> None:
    """Make pydantic skip its search for plugins, which this service does not use.

    With the first model of a process pydantic reads the metadata of every installed package. The import of
    that reader and the reading are a fifteenth of a cold start of the functions that validate. The setting
    PYDANTIC_DISABLE_PLUGINS saves the reading only. To use a plugin, delete the call of this function.
    """
    loader = ModuleType("pydantic.plugin._loader")
    loader.get_plugins = tuple  # type: ignore[attr-defined]
    sys.modules[loader.__name__] = loader
