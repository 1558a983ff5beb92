"""What a command is about to change."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Change:
    """One thing that is created, updated, deleted or adopted."""

    verb: str
    kind: str
    name: str
    details: tuple[str, ...] = ()
