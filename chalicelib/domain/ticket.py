"""Tickets: short-lived, for one connection to the WebSocket API."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

#: A ticket must be used within this.
LIFETIME = timedelta(seconds=60)


@dataclass(frozen=True, kw_only=True, slots=True)
class Ticket:
    """What a ticket says."""

    id: str  #: it is spent under this name
    subject: str
    owner: str
    watch: str  #: what may be watched, as in the query of a connection
    connect_by: datetime
    session_until: datetime | None = None  #: when the token that it came from ends


@dataclass(frozen=True, kw_only=True, slots=True)
class IssuedTicket:
    """A ticket to the WebSocket API, and where to use it."""

    ticket: str
    url: str
    connect_by: datetime
