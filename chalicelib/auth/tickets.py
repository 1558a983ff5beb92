"""Tickets for the WebSocket API: signed text, valid for one connection within a minute.

A browser cannot set headers on a WebSocket, and URLs with a token end up in logs. A caller with a token
therefore creates a ticket for one owner and one watch.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from chalicelib.auth.signing import sign, verified
from chalicelib.domain.caller import Caller, Scope
from chalicelib.domain.connection import Watch
from chalicelib.domain.errors import Unauthorized, Unavailable
from chalicelib.domain.formats import to_json
from chalicelib.domain.task import Task
from chalicelib.domain.ticket import LIFETIME, IssuedTicket, Ticket
from chalicelib.observability import log

if TYPE_CHECKING:
    from chalicelib.aws.ssm.parameters import Parameters

_PURPOSE = "ticket"


class TicketIssuer:
    """Issues tickets and verifies them."""

    def __init__(self, parameters: Parameters, clock: Callable[[], datetime]) -> None:
        self._parameters = parameters
        self._clock = clock

    @property
    def websocket_url(self) -> str:
        """The URL of the WebSocket API. Raises: Unavailable."""
        return self._parameters.websocket_endpoint.replace("http", "ws", 1)

    def issue(self, caller: Caller, watch: Watch) -> IssuedTicket:
        """A ticket for one connection that may watch `watch` only. Raises: Unavailable."""
        connect_by = self._clock() + LIFETIME
        if caller.expires_at is not None:
            connect_by = min(connect_by, caller.expires_at)
        ticket = Ticket(
            id=secrets.token_urlsafe(12),
            subject=caller.subject,
            owner=caller.owner,
            watch=str(watch),
            connect_by=connect_by,
            session_until=caller.expires_at,
        )
        text = sign_ticket(self._parameters.signing_keys, ticket)
        return IssuedTicket(
            ticket=text, url=f"{self.websocket_url}?ticket={text}", connect_by=ticket.connect_by
        )

    def for_task(self, caller: Caller, task: Task) -> IssuedTicket | None:
        """A ticket to watch one task; None if the caller may not read, or if it cannot be issued now.

        The task is already stored, so a missing ticket must not fail the request.
        """
        if not caller.may(Scope.READ):
            return None
        try:
            return self.issue(caller, Watch(scope="task", name=task.id))
        except Unavailable as error:
            log.about(task).warning("Ticket not issued", action="ticket_failed", reason=str(error))
            return None

    def verify(self, text: str) -> Ticket:
        """The ticket in `text`. It may have been used before. Raises: Unauthorized."""
        return read_ticket(self._parameters.signing_keys, text, self._clock())


def sign_ticket(keys: Sequence[bytes], ticket: Ticket) -> str:
    """The ticket as text for a URL."""
    fields = [
        ticket.id,
        ticket.subject,
        ticket.owner,
        ticket.watch,
        ticket.connect_by.timestamp(),
        None if ticket.session_until is None else ticket.session_until.timestamp(),
    ]
    return sign(keys[0], _PURPOSE, to_json(fields))


def read_ticket(keys: Sequence[bytes], text: str, now: datetime) -> Ticket:
    """The ticket in `text` if one of `keys` signed it and it has not expired. Raises: Unauthorized."""
    body = verified(keys, _PURPOSE, text)
    if body is None:
        raise Unauthorized("The ticket was not issued by this service.")
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
        raise Unauthorized("The ticket has expired: create a new one.")
    return ticket
