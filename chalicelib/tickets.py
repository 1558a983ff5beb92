"""Tickets as text: signed, so that they can be handed out and taken back.

A browser cannot set headers on a WebSocket, and a token in a URL ends up in logs. So a caller with a token
asks for a ticket, which is good for one connection within a minute, for one owner and one thing to watch.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime

from chalicelib.domain.documents import to_json
from chalicelib.domain.errors import Unauthorized
from chalicelib.domain.ticket import Ticket
from chalicelib.signing import sign, verified

_PURPOSE = "ticket"


def sign_ticket(keys: Sequence[bytes], ticket: Ticket) -> str:
    """The ticket as text for a URL."""
    plain = [
        ticket.id,
        ticket.subject,
        ticket.owner,
        ticket.watch,
        ticket.connect_by.timestamp(),
        None if ticket.session_until is None else ticket.session_until.timestamp(),
    ]
    return sign(keys[0], _PURPOSE, to_json(plain))


def read_ticket(keys: Sequence[bytes], text: str, now: datetime) -> Ticket:
    """The ticket in `text`, when any of `keys` signed it and it is not too late. Raises: Unauthorized."""
    body = verified(keys, _PURPOSE, text)
    if body is None:
        raise Unauthorized("The ticket is not one of this service.")
    ticket_id, subject, owner, watch, connect_by, session_until = json.loads(body)
    ticket = Ticket(
        id=ticket_id,
        subject=subject,
        owner=owner,
        watch=watch,
        connect_by=datetime.fromtimestamp(connect_by, UTC),
        session_until=None if session_until is None else datetime.fromtimestamp(session_until, UTC),
    )
    if ticket.connect_by <= now:
        raise Unauthorized("The ticket came too late: ask for a new one.")
    return ticket
