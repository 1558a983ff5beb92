"""Who watches what: connections and the updates they want."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from chalicelib.domain.errors import FieldError, Invalid
from chalicelib.domain.ids import is_task_id
from chalicelib.domain.task import Task

#: One connection may subscribe to this many tasks by name.
MAX_SUBSCRIPTIONS = 100
#: $connect takes at most 29 s, and clocks differ.
OPENING = timedelta(seconds=60)


class ConnectionGone(Exception):
    """The client left: forget the connection."""


class SendFailed(Exception):
    """A frame could not be delivered now."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Watch:
    """What a connection asked for when it connected: none, all, task:ID or type:T."""

    scope: str
    name: str = ""

    @classmethod
    def parse(cls, text: str) -> Watch:
        """The watch of the query string's `watch`. Raises: Invalid."""
        scope, colon, name = text.partition(":")
        known = (scope in ("none", "all") and not colon) or (scope == "type" and bool(name))
        if known or (scope == "task" and is_task_id(name)):
            return cls(scope=scope, name=name)
        message = f"{text[:100]!r} is not none, all, task:ID or type:NAME"
        raise Invalid("The query string is not valid.", (FieldError(pointer="/watch", message=message),))

    def __str__(self) -> str:
        return f"{self.scope}:{self.name}" if self.name else self.scope

    def covers(self, task: Task) -> bool:
        """Are updates of `task` wanted?"""
        if self.scope == "task":
            return self.name == task.id
        if self.scope == "type":
            return self.name == task.type
        return self.scope == "all"


@dataclass(frozen=True, kw_only=True, slots=True)
class Connection:
    """One connected client."""

    id: str
    owner: str
    watch: Watch
    subject: str = ""  #: who connected
    until: datetime | None = None  #: when the token or ticket that it came with ends
    restricted: bool = False  #: may see what `watch` covers, and nothing else
    batch: bool = False  #: wants one frame a batch instead of one a version
    subscriptions: frozenset[str] = frozenset()  #: ids of tasks it subscribed to
    failures: int = 0  #: batches in a row that could not be delivered
    known_since: datetime | None = None  #: when its $connect stored it; its client is there a little later

    def is_over(self, now: datetime) -> bool:
        """Has the token that it came with ended?"""
        return self.until is not None and self.until <= now

    def may_be_opening(self, now: datetime) -> bool:
        """Is it so new that API Gateway may not have opened it yet, and calls it gone?"""
        return self.known_since is not None and now < self.known_since + OPENING

    def may_see(self, task: Task) -> bool:
        """May this connection know of `task`?"""
        return task.owner == self.owner and (not self.restricted or self.watch.covers(task))

    def wants(self, task: Task) -> bool:
        """Is an update of `task` for this connection?"""
        return self.may_see(task) and (task.id in self.subscriptions or self.watch.covers(task))
