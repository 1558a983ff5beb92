"""Shortens cold starts: imports modules on first use, and skips pydantic's search for plugins."""

from __future__ import annotations

import sys
from collections.abc import Set
from importlib import import_module
from types import ModuleType
from typing import Any


def lazy_module(package: str, name: str, modules: Set[str]) -> ModuleType:
    """A proxy of the module `name` of a package, which is imported when an attribute is first read.

        def __getattr__(name: str) -> ModuleType:
            return lazy_module(__name__, name, {"responses"})

    in a package defers the import of `from package import responses` until `responses.something` is read. A
    Lambda function therefore does not load the modules of another one.

    Raises: AttributeError if `name` is not one of `modules`.
    """
    if name not in modules:
        raise AttributeError(f"module {package!r} has no attribute {name!r}")
    return _LazyModule(f"{package}.{name}")


class _LazyModule(ModuleType):
    def __getattr__(self, name: str) -> Any:
        # Read each time and not copied, so that a replaced attribute of the module takes effect.
        return getattr(import_module(self.__name__), name)


def disable_pydantic_plugins() -> None:
    """Make pydantic skip its search for plugins, because this service uses none.

    Pydantic reads the metadata of every installed package when it builds its first model. Importing that
    reader and reading the metadata take a fifteenth of a cold start of the functions that validate. The
    variable PYDANTIC_DISABLE_PLUGINS skips the reading only. To use a plugin, do not call this function.
    """
    loader = ModuleType("pydantic.plugin._loader")
    loader.get_plugins = tuple  # type: ignore[attr-defined]
    sys.modules[loader.__name__] = loader
