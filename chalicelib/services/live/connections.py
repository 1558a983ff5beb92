"""Serves WebSocket connections and the actions of their clients: subscribe, unsubscribe, sync and ping.

Each answer is a frame. An invalid message is answered with an error frame, and its connection stays open.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from chalicelib.domain.caller import Caller, Scope
from chalicelib.domain.connection import MAX_SUBSCRIPTIONS, Connection, ConnectionGone, SendFailed, Watch
from chalicelib.domain.errors import FieldError, Invalid, Unauthorized
from chalicelib.domain.formats import to_json
from chalicelib.domain.ids import created_at, earliest_id, is_task_id
from chalicelib.domain.task import Task
from chalicelib.domain.timing import STORED_WITHIN
from chalicelib.observability import log
from chalicelib.services.live.frames import Frames, error_frame, fits_a_frame
from chalicelib.services.reading import read_many, read_page

if TYPE_CHECKING:
    from chalicelib.aws.dynamodb.connection_table import ConnectionTable
    from chalicelib.aws.dynamodb.task_list import TaskList
    from chalicelib.aws.dynamodb.task_table import TaskTable
    from chalicelib.aws.websocket import Sockets
    from chalicelib.domain.ticket import Ticket
    from chalicelib.services.limits import Limits

#: One sync compares at most this many known tasks, and sends at most this many new ones.
SYNC_LIMIT = 100
#: Marks the position where the next sync continues. A task id without it is the newest that a client knows.
_NEXT = "+"


class Refusal(Exception):
    """A message that is refused: `code` is for machines, the text for people."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


class Connections:
    """The server's side of every WebSocket."""

    def __init__(
        self,
        *,
        connections: ConnectionTable,
        tasks: TaskTable,
        listing: TaskList,
        sockets: Sockets,
        limits: Limits,
        clock: Callable[[], datetime],
        clock_margin: timedelta,
    ) -> None:
        self._connections = connections
        self._tasks = tasks
        self._listing = listing
        self._sockets = sockets
        self._limits = limits
        self._clock = clock
        self._clock_margin = clock_margin

    def connect(self, connection_id: str, caller: Caller, query: Mapping[str, str]) -> None:
        """Store a new connection with a token. Raises: Forbidden, Invalid, TooMany, Unauthorized."""
        caller.require(Scope.READ)
        watch = Watch.parse(query.get("watch", "all"))
        self._admit(
            Connection(
                id=connection_id,
                owner=caller.owner,
                subject=caller.subject,
                until=caller.expires_at,
                watch=watch,
                batch=_batch(query),
            )
        )

    def connect_with_ticket(self, connection_id: str, ticket: Ticket, query: Mapping[str, str]) -> None:
        """Store a new connection with a ticket, which can be used once.

        `watch` may narrow a ticket for all tasks. Any other ticket permits only its own watch.
        Raises: Unauthorized if the ticket was used or is for another watch; Invalid; TooMany.
        """
        restricted = ticket.watch != "all"
        watch = query.get("watch", ticket.watch)
        if restricted and watch != ticket.watch:
            raise Unauthorized("The ticket permits another watch.")
        connection = Connection(
            id=connection_id,
            owner=ticket.owner,
            subject=ticket.subject,
            until=ticket.session_until,
            watch=Watch.parse(watch),
            restricted=restricted,
            batch=_batch(query),
        )
        self._admit(connection, ticket.id)

    def _admit(self, connection: Connection, ticket_id: str | None = None) -> None:
        if connection.is_over(self._clock()):  # without the leeway for clocks that requests have
            raise Unauthorized("The token has expired.")
        now = self._clock()
        self._limits.connect(self._connections.count(connection.owner, now, self._limits.connections))
        if not self._connections.add(connection, now, ticket_id=ticket_id):
            raise Unauthorized("The ticket was used before: create a new one.")
        watch = connection.watch.scope
        log.info("Connected", action="connected", connection_id=connection.id, watch=watch)

    def disconnect(self, connection_id: str) -> None:
        """Delete a connection that has ended."""
        self._connections.remove(connection_id)
        log.info("Disconnected", action="disconnected", connection_id=connection_id)

    def receive(self, connection_id: str, body: str) -> None:
        """Serve one message of a client."""
        try:
            connection = self._connections.get(connection_id)
            if connection is None or connection.is_over(self._clock()):  # the client must reconnect
                close_connection(self._connections, self._sockets, connection_id)
                return
            try:
                self._serve(connection, _parse(body))
            except Refusal as refusal:
                self._sockets.send(connection_id, error_frame(refusal.code, str(refusal)))
        except ConnectionGone:
            self._connections.remove(connection_id)
        except SendFailed as error:
            log.warning(
                "Answer failed", action="answer_failed", connection_id=connection_id, reason=str(error)
            )
            close_connection(self._connections, self._sockets, connection_id)

    def _serve(self, connection: Connection, message: Mapping[str, Any]) -> None:
        match message.get("action"):
            case "ping":
                self._sockets.send(connection.id, to_json({"type": "pong"}))
            case "subscribe":
                self._subscribe(connection, _task_id(message))
            case "unsubscribe":
                self._connections.unsubscribe(connection, _task_id(message))
            case "sync":
                self._sync(connection, _versions(message), message.get("since"))
            case action:
                actions = "subscribe, unsubscribe, sync and ping"
                name = repr(action[:100]) if isinstance(action, str) else "of the message"
                raise Refusal("unknown_action", f"The action {name} is not one of {actions}.")

    def _subscribe(self, connection: Connection, task_id: str) -> None:
        """Store the subscription, then read the task, then send it: no update in between is missed."""
        if len(connection.subscriptions | {task_id}) > MAX_SUBSCRIPTIONS:
            raise Refusal("too_many", f"A connection subscribes to at most {MAX_SUBSCRIPTIONS} tasks.")
        self._connections.subscribe(connection, task_id)  # guard: subscribe.before-read
        task = self._tasks.get(connection.owner, task_id)  # guard: subscribe.before-read
        if task is None or not connection.may_see(task):
            self._connections.unsubscribe(connection, task_id)
            raise Refusal("not_found", f"There is no task {task_id!r}.")
        self._send_tasks(connection, [task])

    def _sync(self, connection: Connection, known: Mapping[str, int], since: Any) -> None:
        """Send the tasks that are newer than the client's versions, and those created after `since`."""
        start = self._start(since)
        if connection.restricted and connection.watch.scope == "task":
            start = None  # it may see one task, and must not learn the ids of others
        names = [(connection.owner, task_id) for task_id in known]
        current = {task.id: task for task in read_many(self._tasks, names)} if names else {}
        more, position = False, None
        if start is not None:
            page = read_page(self._listing.created_after(connection.owner, start, SYNC_LIMIT))
            current |= {task.id: task for task in page.tasks}
            more, position = page.position is not None, page.position
        newer = [
            task
            for task in current.values()
            if task.version > known.get(task.id, 0) and connection.may_see(task)
        ]
        self._send_tasks(connection, sorted(newer, key=lambda task: task.id))
        next_since = None if position is None else position + _NEXT
        self._sockets.send(connection.id, to_json({"type": "synced", "more": more, "since": next_since}))

    def _start(self, since: Any) -> str | None:
        """The id after which a sync reads new tasks; None without `since`.

        Many clocks make ids, and a task is stored a while later: a task that was stored *after* the client's
        newest may have a smaller id. So a sync starts earlier by both, unless it continues another one.
        """
        if since is None:
            return None
        if isinstance(since, str) and since.endswith(_NEXT) and is_task_id(since[: -len(_NEXT)]):
            return since[: -len(_NEXT)]
        if isinstance(since, str) and is_task_id(since):
            with suppress(OverflowError):  # no task was created in the year 10889
                return earliest_id(created_at(since) - self._clock_margin - STORED_WITHIN)
        raise Refusal("invalid", "since: the id of a task, or the `since` of a synced frame, is required.")

    def _send_tasks(self, connection: Connection, tasks: list[Task]) -> None:
        loaded = {task.id: task for task in self._tasks.load(task for task in tasks if fits_a_frame(task))}
        for task in tasks:
            self._sockets.send(connection.id, Frames().of_task(loaded.get(task.id, task)))


def _batch(query: Mapping[str, str]) -> bool:
    batch = query.get("batch", "0")
    if batch not in ("0", "1"):
        error = FieldError(pointer="/batch", message=f"{batch[:100]!r} is not 0 or 1")
        raise Invalid("The query string is not valid.", (error,))
    return batch == "1"


def close_connection(connections: ConnectionTable, sockets: Sockets, connection_id: str) -> None:
    """Delete and close a connection that cannot be served: its client reconnects and syncs."""
    connections.remove(connection_id)
    try:
        sockets.close(connection_id)
    except SendFailed as error:  # it is deleted, and API Gateway ends it within two hours
        log.warning("Close failed", action="close_failed", connection_id=connection_id, reason=str(error))
    log.warning("Connection closed", action="connection_closed", connection_id=connection_id)


def _parse(body: str) -> Mapping[str, Any]:
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        raise Refusal("malformed", "The message is not JSON.") from None
    if not isinstance(message, dict):
        raise Refusal("malformed", "The message is not a JSON object.")
    return message


def _task_id(message: Mapping[str, Any]) -> str:
    task_id = message.get("task_id")
    if not isinstance(task_id, str) or not is_task_id(task_id):
        raise Refusal("invalid", "task_id: the id of a task is required.")
    return task_id


def _versions(message: Mapping[str, Any]) -> dict[str, int]:
    versions = message.get("tasks", {})
    if not isinstance(versions, dict) or not all(
        is_task_id(task_id) and isinstance(version, int) for task_id, version in versions.items()
    ):
        raise Refusal("invalid", "tasks: an object from task id to version is required.")
    if len(versions) > SYNC_LIMIT:
        raise Refusal("too_many", f"tasks: at most {SYNC_LIMIT} in one sync; send several.")
    return versions
