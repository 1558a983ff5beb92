"""Which files of the project the deployment package holds, and in which order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from chalice.utils import OSUtils

#: Bytecode made here is stale there: the package gives every file another time.
LEFT_OUT: Final = frozenset({"__pycache__"})

_stock_walk: Final = OSUtils.walk


def walk(self: OSUtils, path: str, followlinks: bool = False) -> Iterator[tuple[str, list[str], list[str]]]:
    """What the packager finds below `path`, in one order everywhere: the same files, the same package."""
    for directory, folders, files in _stock_walk(self, path, followlinks):
        folders[:] = sorted(set(folders) - LEFT_OUT)
        yield directory, folders, sorted(files)
