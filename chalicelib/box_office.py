"""Sells tickets to the WebSocket API to callers who showed a token."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime

from chalicelib.aws.parameters import Parameters
from chalicelib.domain.caller import Caller, Scope
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.task import Task
from chalicelib.domain.ticket import LIFETIME, Pass, Ticket
from chalicelib.domain.watching import Watch
from chalicelib.observability import log
from chalicelib.tickets import read_ticket, sign_ticket


class BoxOffice:
    """Tickets, sold and taken back."""

    def __init__(self, parameters: Parameters, clock: Callable[[], datetime]) -> None:
        self._parameters = parameters
        self._clock = clock

    @property
    def websocket_url(self) -> str:
        """Where passes are used. Raises: Unavailable."""
        return self._parameters.websocket_endpoint.replace("http", "ws", 1)

    def sell(self, caller: Caller, watch: Watch) -> Pass:
        """A pass for one connection, soon, that watches `watch` and no more. Raises: Unavailable."""
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
        return Pass(ticket=text, url=f"{self.websocket_url}?ticket={text}", connect_by=ticket.connect_by)

    def for_task(self, caller: Caller, task: Task) -> Pass | None:
        """A pass to watch one task, for a caller who may read; None too when none can be sold now.

        The task is stored: whatever becomes of its pass, the caller is to know.
        """
        if not caller.may(Scope.READ):
            return None
        try:
            return self.sell(caller, Watch(scope="task", name=task.id))
        except Unavailable as error:
            log.about(task).warning("Ticket not sold", action="ticket_failed", reason=str(error))
            return None

    def take(self, text: str) -> Ticket:
        """The ticket in `text`, good but perhaps spent. Raises: Unauthorized."""
        return read_ticket(self._parameters.signing_keys, text, self._clock())
