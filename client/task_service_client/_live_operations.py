"""Waits for tasks and watches them over the WebSocket API, without missing updates on a reconnect."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

from task_service_client._effects import (
    Connect,
    Emit,
    Receive,
    Request,
    SendMessage,
    Sleep,
    Steps,
    Stream,
    consume,
)
from task_service_client._errors import (
    Refused,
    SocketLost,
    TaskServiceError,
    TooMany,
    Unavailable,
    Unreachable,
)
from task_service_client._requests import LONGEST_PREFER_SECONDS, NOT_MODIFIED, json_object, prefer
from task_service_client._sync_state import SyncState, earliest_id, sync
from task_service_client._task_operations import TaskOperations
from task_service_client.models import Task, WaitTimeout

#: API Gateway closes a connection after ten idle minutes. A ping keeps it open and detects a dead one.
PING_AFTER_SECONDS: Final = 240.0
PONG_SECONDS: Final = 15.0
#: The service answers `sync` after one read.
SYNC_SECONDS: Final = 30.0
#: `wait` polls after this number of consecutive lost connections.
LOSSES_ALLOWED: Final = 2
#: The first and the longest time between two polls, if the service ignores `Prefer: wait`.
POLL_SECONDS: Final = (0.5, 5.0)

#: Errors after which a watch tries again.
_TRANSIENT: Final = (SocketLost, Unreachable, Unavailable, TooMany)


@dataclass(kw_only=True, slots=True)
class _WatchState:
    """The state of one watch, kept over reconnects."""

    query: str  #: the `watch` of a ticket
    batch: bool
    known: SyncState
    #: Tasks with greater ids may be unknown: the newest known id when the last complete sync began. Ids that
    #: arrived later do not count, because the updates of different tasks arrive in any order.
    since: str | None = None


class _WaitState:
    """The task of a `wait`, in its latest version."""

    def __init__(self, task: Task, on_update: Callable[[Task], object] | None) -> None:
        self.task = task
        self.ends_at: float | None = None  #: the end of the timeout, by the clock
        self._on_update = on_update
        self._notify()

    def update(self, task: Task) -> bool:
        """Keep a newer version. True if the task has finished."""
        if task.version > self.task.version:
            self.task = task
            self._notify()
        return self.task.finished

    def _notify(self) -> None:
        if self._on_update is not None:
            self._on_update(self.task)


class LiveOperations(TaskOperations):
    """Operations that follow tasks."""

    def run(
        self,
        /,
        type: str,
        payload: Mapping[str, Any] | None = None,
        *,
        timeout: float | None = None,
        on_update: Callable[[Task], object] | None = None,
        **options: Any,
    ) -> Steps[Task]:
        """Create a task and wait until it has finished. `options` are those of `create`."""
        task = yield from self.create(type, payload, **options)
        return (yield from self.wait(task, timeout=timeout, on_update=on_update))

    def wait(
        self,
        task: Task | str,
        *,
        timeout: float | None = None,
        on_update: Callable[[Task], object] | None = None,
    ) -> Steps[Task]:
        """The finished task, whether it succeeded or not; see `Task.raise_for_status`.

        Follows the task over WebSocket, or polls it where WebSocket does not work. `on_update` is called with
        the current version and then with each newer one.
        Raises: WaitTimeout after `timeout` seconds; NotFound.
        """
        waiting = _WaitState(task if isinstance(task, Task) else (yield from self.get(task)), on_update)
        waiting.ends_at = None if timeout is None else self._clock() + timeout
        url = waiting.task.stream.url if waiting.task.stream else None  # opens one connection
        losses = 0
        while not waiting.task.finished and losses < LOSSES_ALLOWED:
            before = waiting.task
            try:
                yield from consume(self._follow(waiting, url), waiting.update)
            except _TRANSIENT:
                losses = losses + 1 if waiting.task is before else 0
                waiting.update((yield from self.get(before.id)))  # raises NotFound if it was deleted
            url = None
            self._left(waiting)
        yield from self._poll(waiting)
        return waiting.task if not waiting.task.truncated else (yield from self.get(waiting.task.id))

    def watch(
        self,
        task_id: str | None = None,
        *,
        type: str | None = None,
        known: Iterable[Task] = (),
        batch: bool = False,
        on_connection: Callable[[bool], object] | None = None,
    ) -> Stream[Task]:
        """The updates of one task, of the tasks of one type, or of all your tasks, without end.

        Each update of a task has a higher version than the one before. After a lost connection, the watch
        reconnects and yields the missed updates: of tasks created since it began, of tasks it has yielded,
        and of the `known` tasks, such as those of a list. With `task_id`, the first value is the current
        version of that task. With `batch`, a version that was replaced at once may be left out.
        `on_connection` is called with False when the connection is lost, and with True when it is open.
        Raises: Refused or Unreachable if the watch cannot begin; later only permanent errors, such as
        Unauthorized.
        """
        query = f"task:{task_id}" if task_id else f"type:{type}" if type else "all"
        watch = _WatchState(query=query, batch=batch, known=SyncState(known))
        if task_id:
            watch.known.expect(task_id)
        failures = 0
        began = False
        while True:
            try:
                yield from self._connect_and_sync(watch)
                began, failures = True, 0
                if on_connection is not None:
                    on_connection(True)
                yield from self._updates(watch, None)
            except _TRANSIENT as error:
                failures += 1
                if not began and not self._may_try_again(error, failures):
                    raise _public_error(error) from error
                if began and failures == 1 and on_connection is not None:
                    on_connection(False)
                yield Sleep(self._retries.backoff(failures, self._draw()))

    # --- The parts of a connection ------------------------------------------------------------------

    def _connect_and_sync(self, watch: _WatchState, url: str | None = None) -> Stream[Task]:
        """Connect, then sync: in this order no update is missed between the two."""
        since, newest = watch.since, watch.known.newest
        if url is None:
            url, moment = yield from self._ticket(watch.query)
            watch.since = watch.since or earliest_id(moment)
        yield Connect(f"{url}&batch=1" if watch.batch else url)
        for message in watch.known.syncs(since):
            yield from self._sync(message, watch)
        if since is not None and newest is not None:
            watch.since = max(since, newest)

    def _ticket(self, query: str) -> Steps[tuple[str, datetime]]:
        """A URL to connect to, and the time of the service's clock."""
        request = Request(method="POST", path="/tickets", body={"watch": query}, repeatable=True)
        response = yield from self._exchange(request)
        try:
            moment = parsedate_to_datetime(response.headers.get("date", "")).astimezone(UTC)
        except ValueError:
            moment = datetime.now(UTC)
        return json_object(response)["url"], moment

    def _sync(self, message: str, watch: _WatchState) -> Stream[Task]:
        yield SendMessage(message)
        while True:
            text = yield Receive(SYNC_SECONDS)
            if text is None:
                raise SocketLost("no answer to sync")
            frame = json.loads(text)
            yield from _newer(frame, watch.known)
            if frame.get("type") == "synced":
                if not frame.get("more"):
                    return
                yield SendMessage(sync({}, frame["since"]))

    def _updates(self, watch: _WatchState, ends_at: float | None) -> Stream[Task]:
        """Emit updates until `ends_at`. Pings an idle connection. Raises: SocketLost."""
        pinged = False
        while True:
            patience = PONG_SECONDS if pinged else PING_AFTER_SECONDS
            left = patience if ends_at is None else min(patience, ends_at - self._clock())
            text = yield Receive(max(0.0, left))
            if text is not None:
                pinged = False
                yield from _newer(json.loads(text), watch.known)
            elif left < patience:
                return
            elif pinged:
                raise SocketLost("no answer to a ping")
            else:
                yield SendMessage('{"action": "ping"}')
                pinged = True

    # --- Waiting ------------------------------------------------------------------------------------

    def _follow(self, waiting: _WaitState, url: str | None) -> Stream[Task]:
        """Emit the updates of one task on one connection, until the timeout."""
        watch = _WatchState(query=f"task:{waiting.task.id}", batch=True, known=SyncState([waiting.task]))
        yield from self._connect_and_sync(watch, url)
        yield from self._updates(watch, waiting.ends_at)

    def _poll(self, waiting: _WaitState) -> Steps[None]:
        """Get the task until it has finished, with long polling if the service supports it."""
        pause, longest = POLL_SECONDS
        while not waiting.task.finished:
            headers, patience = prefer(self._left(waiting))
            headers["if-none-match"] = f'"v{waiting.task.version}"'
            request = Request(
                method="GET",
                path=f"/tasks/{waiting.task.id}",
                headers=headers,
                repeatable=True,
                patience_seconds=patience,
            )
            response = yield from self._exchange(request)
            if response.status != NOT_MODIFIED:
                waiting.update(Task.from_json(json_object(response)))
            if "preference-applied" not in response.headers and not waiting.task.finished:
                yield Sleep(min(pause, self._left(waiting)))
                pause = min(longest, pause * 1.5)

    def _left(self, waiting: _WaitState) -> float:
        """The remaining seconds of the timeout. Raises: WaitTimeout if none remain."""
        if waiting.ends_at is None or waiting.task.finished:
            return LONGEST_PREFER_SECONDS
        left = waiting.ends_at - self._clock()
        if left <= 0:
            raise WaitTimeout(waiting.task)
        return left

    def _may_try_again(self, error: Exception, failures: int) -> bool:
        """Whether to repeat a first connection. The request for its ticket was already retried by itself."""
        return isinstance(error, SocketLost) and failures < self._retries.tries


def _newer(frame: Mapping[str, Any], known: SyncState) -> Stream[Task]:
    """Emit the tasks of a frame that are newer than the known versions."""
    match frame.get("type"):
        case "task":
            tasks = [frame["task"]]
        case "tasks":
            tasks = frame["tasks"]
        case "error":
            raise Refused(422, {"code": frame.get("code"), "detail": frame.get("detail")}, None)
        case _:  # pong, synced, and the types of a newer service
            return
    for task in map(Task.from_json, tasks):
        if known.update(task):
            yield Emit(task)


def _public_error(error: Exception) -> TaskServiceError:
    """The public error for an internal one."""
    if isinstance(error, TaskServiceError):
        return error
    return Unreachable(f"The WebSocket API does not answer: {error}")
