"""Entity tags (RFC 9110, 8.8.3): the version of a response that a client holds."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chalice.app import Request


def version_tag(version: int) -> str:
    """The entity tag of a task's version."""
    return f'"v{version}"'


def content_tag(text: str) -> str:
    """The entity tag of a text: the start of its SHA-256."""
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:16]}"'


def matches(request: Request, tag: str) -> bool:
    """Does If-None-Match contain `tag` or `*`?

    `W/` is ignored: a gateway that compresses a response makes its tag weak.
    """
    tags = {each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")}
    return bool(tags & {tag, "*"})
