"""WebSocket connections and the tasks that they watch."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from chalicelib.domain.errors import FieldError, Invalid
from chalicelib.domain.ids import is_task_id
from chalicelib.domain.task import Task

#: The most tasks that one connection may subscribe to.
MAX_SUBSCRIPTIONS = 100
#: A connection may take this long to open: $connect takes at most 29 s, and clocks differ.
OPENING = timedelta(seconds=60)


class ConnectionGone(Exception):
    """The client has closed the connection."""


class SendFailed(Exception):
    """A frame could not be delivered now."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Watch:
    """The tasks that a connection watches: none, all, task:ID or type:NAME."""

    scope: str
    name: str = ""

    @classmethod
    def parse(cls, text: str) -> Watch:
        """The watch in the query parameter `watch`. Raises: Invalid."""
        scope, colon, name = text.partition(":")
        valid = (scope in ("none", "all") and not colon) or (scope == "type" and bool(name))
        if valid or (scope == "task" and is_task_id(name)):
            return cls(scope=scope, name=name)
        message = f"{text[:100]!r} is not none, all, task:ID or type:NAME"
        raise Invalid("The query string is not valid.", (FieldError(pointer="/watch", message=message),))

    def __str__(self) -> str:
        return f"{self.scope}:{self.name}" if self.name else self.scope

    def covers(self, task: Task) -> bool:
        """Does the watch include `task`?"""
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
    subject: str = ""  #: the client's name in audits
    until: datetime | None = None  #: the end of its token or ticket
    restricted: bool = False  #: it may see only the tasks that `watch` covers
    batch: bool = False  #: it receives one frame a batch instead of one a version
    subscriptions: frozenset[str] = frozenset()  #: ids of the tasks that it subscribed to
    failures: int = 0  #: batches in a row that could not be delivered
    known_since: datetime | None = None  #: when $connect stored it; API Gateway opens it a little later

    def is_over(self, now: datetime) -> bool:
        """Has its token or ticket ended?"""
        return self.until is not None and self.until <= now

    def may_be_opening(self, now: datetime) -> bool:
        """May API Gateway still be opening it? Until then it answers a send as if the client had left."""
        return self.known_since is not None and now < self.known_since + OPENING

    def may_see(self, task: Task) -> bool:
        """May this connection see `task`?"""
        return task.owner == self.owner and (not self.restricted or self.watch.covers(task))

    def wants(self, task: Task) -> bool:
        """Does this connection receive updates of `task`?"""
        return self.may_see(task) and (task.id in self.subscriptions or self.watch.covers(task))
