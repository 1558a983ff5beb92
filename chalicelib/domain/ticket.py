"""Tickets: signed permissions for one WebSocket connection."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

#: A client must connect within this time.
LIFETIME = timedelta(seconds=60)


@dataclass(frozen=True, kw_only=True, slots=True)
class Ticket:
    """The content of a ticket."""

    id: str  #: a used ticket is remembered under this id
    subject: str
    owner: str
    watch: str  #: the tasks that the connection may watch, in the form of the query parameter `watch`
    connect_by: datetime
    session_until: datetime | None = None  #: the end of the token that requested the ticket


@dataclass(frozen=True, kw_only=True, slots=True)
class IssuedTicket:
    """A ticket and the URL to connect to."""

    ticket: str
    url: str
    connect_by: datetime
