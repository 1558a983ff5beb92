"""Entity tags (RFC 9110, 8.8.3): which version of an answer a client has."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chalice.app import Request


def version_tag(version: int) -> str:
    """The entity tag of a task's version."""
    return f'"v{version}"'


def content_tag(text: str) -> str:
    """The entity tag of a text: a part of its SHA-256."""
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:16]}"'


def matches(request: Request, tag: str) -> bool:
    """Does If-None-Match name `tag`, or anything?

    A gateway that compresses may have made the tag a weak one: `W/` does not count.
    """
    named = {each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")}
    return bool(named & {tag, "*"})
