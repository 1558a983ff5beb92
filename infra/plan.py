"""The plan of a command: the changes it is about to make."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Change:
    """One resource that is created, updated, deleted or adopted."""

    verb: str
    kind: str
    name: str
    details: tuple[str, ...] = ()

    def __str__(self) -> str:
        return " ".join(filter(None, [self.verb, self.kind, self.name, *self.details]))


class Changes:
    """Changes in their order, without repetitions."""

    def __init__(self) -> None:
        self.all: list[Change] = []

    def add(self, change: Change) -> bool:
        """Append a change; return False for one that the list covers already.

        Chalice creates a resource and completes it by further calls: only the creation is listed.
        """
        created = [(each.kind, each.name) for each in self.all if each.verb == "create"]
        is_new = change not in self.all and (change.kind, change.name) not in created
        if is_new:
            self.all.append(change)
        return is_new
