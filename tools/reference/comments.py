"""The `#:` comments of a class."""

from __future__ import annotations

import inspect
import re
from typing import Any


def comments(source: type[Any]) -> dict[str, str]:
    """The `#:` comment of each member of a class: behind it, or on the lines above it.

    Raises: KeyError on access, for a member without a comment.
    """
    found: dict[str, str] = {}
    above: list[str] = []
    for line in inspect.getsource(source).splitlines():
        text = line.strip()
        member = re.match(r"(\w+)\b(?::| =)[^#]*(?:#: (.*?))?(?:\s*# .*)?$", text)
        if text.startswith("#: "):
            above.append(text.removeprefix("#: "))
            continue
        if member and (member[2] or above):
            found[member[1]] = member[2] or " ".join(above)
        above = []
    return found
