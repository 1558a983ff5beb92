"""Following tasks over the WebSocket API: nothing is missed, whatever connection is lost."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

from task_service_client.calling import LONGEST_PREFER_SECONDS, NOT_MODIFIED, json_object, prefer
from task_service_client.effects import Connect, Emit, Receive, Request, Say, Sleep, Steps, Stream, consume
from task_service_client.errors import (
    Refused,
    SocketLost,
    TaskServiceError,
    TooMany,
    Unavailable,
    Unreachable,
    WaitTimeout,
)
from task_service_client.known import Known, earliest_id, sync
from task_service_client.models import Task
from task_service_client.task_operations import TaskOperations

#: API Gateway ends a connection that is silent for ten minutes; a ping keeps it, and notices a dead one.
QUIET_SECONDS: Final = 240.0
PONG_SECONDS: Final = 15.0
#: An answer to `sync` is a read away.
SYNC_SECONDS: Final = 30.0
#: `wait` goes over to polling after this many lost connections in a row.
LOSSES_ALLOWED: Final = 2
POLL_SECONDS: Final = (0.5, 5.0)  #: between two looks, where the service does not wait itself

#: What passes by itself, for somebody who keeps watching.
_PASSING: Final = (SocketLost, Unreachable, Unavailable, TooMany)


@dataclass(kw_only=True, slots=True)
class _Watch:
    """One watcher's place in the stream of updates, kept over reconnects."""

    query: str  #: the contract's `watch`
    batch: bool
    known: Known
    #: Tasks created after this may be new to us: the newest that was known when the last complete sync began.
    #: What was heard since does not count, as updates of different tasks come in any order.
    since: str | None = None


class _Waiting:
    """A task on its way to its end."""

    def __init__(self, task: Task, on_update: Callable[[Task], object] | None) -> None:
        self.task = task
        self.ends_at: float | None = None  #: when the wait is over, by the clock
        self._on_update = on_update
        self._tell()

    def take(self, task: Task) -> bool:
        """Note a newer version; True at the end."""
        if task.version > self.task.version:
            self.task = task
            self._tell()
        return self.task.finished

    def _tell(self) -> None:
        if self._on_update is not None:
            self._on_update(self.task)


class LiveOperations(TaskOperations):
    """Waiting and watching."""

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
        """Create a task and wait for its end: `create`, then `wait`. `options` are those of `create`."""
        task = yield from self.create(type, payload, **options)
        return (yield from self.wait(task, timeout=timeout, on_update=on_update))

    def wait(
        self,
        task: Task | str,
        *,
        timeout: float | None = None,
        on_update: Callable[[Task], object] | None = None,
    ) -> Steps[Task]:
        """The task once it has finished, whatever became of it: `.raise_for_status()` tells.

        Follows it by WebSocket, and asks again and again where there is none. `on_update` is called with
        each newer version, the present one first.
        Raises: WaitTimeout after `timeout` seconds; NotFound.
        """
        waiting = _Waiting(task if isinstance(task, Task) else (yield from self.get(task)), on_update)
        waiting.ends_at = None if timeout is None else self._clock() + timeout
        url = waiting.task.stream.url if waiting.task.stream else None  # good for one connection, soon
        losses = 0
        while not waiting.task.finished and losses < LOSSES_ALLOWED:
            before = waiting.task
            try:
                yield from consume(self._follow(waiting, url), waiting.take)
            except _PASSING:
                losses = losses + 1 if waiting.task is before else 0
                waiting.take((yield from self.get(before.id)))  # it may have been deleted, too
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
        """Every newer version of your tasks, as it is stored, without end: of one task, of one type, or of
        all.

        Lost connections are made anew, and what happened meanwhile comes then: for tasks that were created
        since the watch began, that it has shown, and that are `known` (from a list, say). The task that
        `task_id` names comes first as it is. `batch` leaves out versions that a newer one follows at once.
        `on_connection` hears when the connection is lost (False) and back (True).
        Raises: Refused and Unreachable while it begins; later only what cannot pass, such as Unauthorized.
        """
        query = f"task:{task_id}" if task_id else f"type:{type}" if type else "all"
        watch = _Watch(query=query, batch=batch, known=Known(known))
        if task_id:
            watch.known.expect(task_id)
        failures = 0
        began = False
        while True:
            try:
                yield from self._enter(watch)
                began, failures = True, 0
                if on_connection is not None:
                    on_connection(True)
                yield from self._updates(watch, None)
            except _PASSING as error:
                failures += 1
                if not began and not self._may_try_again(error, failures):
                    raise _outward(error) from error
                if began and failures == 1 and on_connection is not None:
                    on_connection(False)
                yield Sleep(self._retries.backoff(failures, self._draw()))

    # --- The parts of a connection ------------------------------------------------------------------

    def _enter(self, watch: _Watch, url: str | None = None) -> Stream[Task]:
        """Connect, then ask for what came before the connection: so nothing falls in between."""
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
        """A URL to connect to, and the time by the service's clock."""
        request = Request(method="POST", path="/tickets", body={"watch": query}, repeatable=True)
        response = yield from self._exchange(request)
        try:
            moment = parsedate_to_datetime(response.headers.get("date", "")).astimezone(UTC)
        except ValueError:
            moment = datetime.now(UTC)
        return json_object(response)["url"], moment

    def _sync(self, message: str, watch: _Watch) -> Stream[Task]:
        yield Say(message)
        while True:
            text = yield Receive(SYNC_SECONDS)
            if text is None:
                raise SocketLost("no answer to sync")
            frame = json.loads(text)
            yield from _newer(frame, watch.known)
            if frame.get("type") == "synced":
                if not frame.get("more"):
                    return
                yield Say(sync({}, frame["since"]))

    def _updates(self, watch: _Watch, ends_at: float | None) -> Stream[Task]:
        """Emit what comes, until the connection is lost or `ends_at`; a ping breaks a long silence."""
        pinged = False
        while True:
            patience = PONG_SECONDS if pinged else QUIET_SECONDS
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
                yield Say('{"action": "ping"}')
                pinged = True

    # --- Waiting ------------------------------------------------------------------------------------

    def _follow(self, waiting: _Waiting, url: str | None) -> Stream[Task]:
        """Emit what happens to one task on one connection, until the wait is over."""
        watch = _Watch(query=f"task:{waiting.task.id}", batch=True, known=Known([waiting.task]))
        yield from self._enter(watch, url)
        yield from self._updates(watch, waiting.ends_at)

    def _poll(self, waiting: _Waiting) -> Steps[None]:
        """Look again and again, with a service that waits itself if it can."""
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
                waiting.take(Task.from_json(json_object(response)))
            if "preference-applied" not in response.headers and not waiting.task.finished:
                yield Sleep(min(pause, self._left(waiting)))
                pause = min(longest, pause * 1.5)

    def _left(self, waiting: _Waiting) -> float:
        """Seconds that may still pass. Raises: WaitTimeout when there are none."""
        if waiting.ends_at is None or waiting.task.finished:
            return LONGEST_PREFER_SECONDS
        left = waiting.ends_at - self._clock()
        if left <= 0:
            raise WaitTimeout(waiting.task)
        return left

    def _may_try_again(self, error: Exception, failures: int) -> bool:
        """The ticket was tried often enough when it was refused; a connection deserves as many tries."""
        return isinstance(error, SocketLost) and failures < self._retries.tries


def _newer(frame: Mapping[str, Any], known: Known) -> Stream[Task]:
    """Emit the tasks of a frame that are news."""
    match frame.get("type"):
        case "task":
            plain = [frame["task"]]
        case "tasks":
            plain = frame["tasks"]
        case "error":
            raise Refused(422, {"code": frame.get("code"), "detail": frame.get("detail")}, None)
        case _:  # pong, synced, and what a newer service may say
            return
    for task in map(Task.from_json, plain):
        if known.take(task):
            yield Emit(task)


def _outward(error: Exception) -> TaskServiceError:
    """The same in the words of the public errors."""
    if isinstance(error, TaskServiceError):
        return error
    return Unreachable(f"The WebSocket API does not answer: {error}")
