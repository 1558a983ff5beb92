"""Live updates: from the table's stream to whoever watches. Nothing else announces anything.

Each update is the whole public task with its version; a client that keeps the highest version of each task
is right, whatever is repeated or comes late. So a batch that could not be delivered whole is simply
delivered again, and a connection that keeps failing is closed: its client reconnects and syncs.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from chalicelib.domain.task import Task, TaskStatus
from chalicelib.domain.watching import Connection, ConnectionGone, SendFailed
from chalicelib.observability import Metrics, log
from chalicelib.services.connections import hang_up
from chalicelib.services.frames import Frames, fits_a_frame

if TYPE_CHECKING:
    from chalicelib.aws.connection_table import ConnectionTable
    from chalicelib.aws.document_table import DocumentTable
    from chalicelib.aws.rollup_table import RollupTable
    from chalicelib.aws.websocket import Sockets

#: A frame is tried this often before the batch counts as failed for its connection.
_TRIES = 2
_RETRY_WAIT_SECONDS = 0.1


class PushFailed(Exception):
    """Some connections could not be served: the stream is to deliver the batch again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One change of one task, as the stream tells it."""

    task: Task
    previous: Task | None  #: None for a new task

    @property
    def public(self) -> bool:
        """Did anything change that the public sees? A moved `due_at` alone is none (P1)."""
        return self.previous is None or self.previous.version != self.task.version

    @property
    def opened(self) -> int:
        """How many more live tasks there are now: 1, 0 or -1."""
        was_live = self.previous is not None and not self.previous.terminal
        return int(not self.task.terminal) - int(was_live)


class Push:
    """Delivers a batch of the stream."""

    def __init__(
        self,
        *,
        connections: ConnectionTable,
        documents: DocumentTable,
        rollups: RollupTable,
        sockets: Sockets,
        metrics: Metrics,
        threads: Executor,
        clock: Callable[[], datetime],
        wait: Callable[[float], None],
        failures_allowed: int,
    ) -> None:
        self._connections = connections
        self._documents = documents
        self._rollups = rollups
        self._sockets = sockets
        self._metrics = metrics
        self._threads = threads
        self._clock = clock
        self._wait = wait
        self._failures_allowed = failures_allowed

    def push(self, changes: Sequence[Change], removed: Sequence[Task] = (), *, batch_id: str = "") -> None:
        """Send each public change to everyone who watches it, and add up the rollups.

        `removed` are tasks whose rows are gone: their documents go too. `batch_id` names the batch, so that
        a copy of it is not added up again. Raises: PushFailed.
        """
        for task in removed:
            self._documents.delete(task)
        public = [change for change in changes if change.public]
        wanted = self._wanted([change.task for change in public])
        served = self._serve(wanted)
        if not all(served):
            raise PushFailed(f"{served.count(False)} of {len(served)} connections could not be served")
        self._add_up(public, batch_id)
        for task in (change.task for change in public):
            log.about(task).info(
                "Update announced",
                action="update_announced",
                status=task.status.value,
                version=task.version,
            )

    # --- Who gets what --------------------------------------------------------------------------

    def _wanted(self, tasks: Sequence[Task]) -> list[tuple[Connection, list[Task]]]:
        """For each connection the tasks it watches, in order. Watchers are read once an owner (P2)."""
        watchers = self._watchers(dict.fromkeys(task.owner for task in tasks))
        wanted = [(each, [i for i, task in enumerate(tasks) if each.wants(task)]) for each in watchers]
        loaded = self._loaded(tasks, {i for _, numbers in wanted for i in numbers})
        return [(connection, [loaded[i] for i in numbers]) for connection, numbers in wanted if numbers]

    def _watchers(self, owners: Iterable[str]) -> list[Connection]:
        """The connections of these owners; those whose token ended are closed."""
        now = self._clock()
        found = self._threads.map(lambda owner: self._connections.watchers(owner, now), owners)
        connections = [connection for each in found for connection in each]
        for connection in connections:
            if connection.is_over(now):
                hang_up(self._connections, self._sockets, connection.id)
        return [connection for connection in connections if not connection.is_over(now)]

    def _loaded(self, tasks: Sequence[Task], numbers: Iterable[int]) -> dict[int, Task]:
        """The tasks that somebody watches, with documents where a frame can hold them."""
        numbers = sorted(numbers)
        fitting = [i for i in numbers if fits_a_frame(tasks[i])]
        loaded = dict(zip(fitting, self._documents.load(tasks[i] for i in fitting), strict=True))
        return {i: loaded.get(i, tasks[i]) for i in numbers}

    # --- Delivery -------------------------------------------------------------------------------

    def _serve(self, wanted: Sequence[tuple[Connection, Sequence[Task]]]) -> list[bool]:
        """Send each connection its frames; for each, False when the batch is to come again for it.

        Versions of one task go in order, different tasks side by side: one watcher of a hundred tasks must
        not wait a hundred round trips.
        """
        made = Frames()
        sequences = [
            (connection.id, iter(frames))
            for connection, tasks in wanted
            for frames in _sequences(connection, tasks, made)
        ]
        failures: defaultdict[str, list[Exception]] = defaultdict(list)
        while sequences:
            heads = [(id_, next(frames, None), frames) for id_, frames in sequences]
            due = [(id_, frame, frames) for id_, frame, frames in heads if frame is not None]
            outcomes = self._sent([(id_, frame) for id_, frame, _ in due])
            sequences = []
            for (id_, _, frames), failure in zip(due, outcomes, strict=True):
                if failure is None:
                    sequences.append((id_, frames))
                else:
                    failures[id_].append(failure)
        return [self._settle(connection, failures[connection.id]) for connection, _ in wanted]

    def _sent(self, frames: Sequence[tuple[str, str]]) -> list[ConnectionGone | SendFailed | None]:
        """Send (connection id, frame) side by side, and again what failed; for each what kept it."""
        outcomes = self._sockets.send_all(frames)
        for _ in range(1, _TRIES):
            again = [number for number, failure in enumerate(outcomes) if isinstance(failure, SendFailed)]
            if not again:
                break
            self._wait(_RETRY_WAIT_SECONDS)
            for number, outcome in zip(
                again, self._sockets.send_all([frames[number] for number in again]), strict=True
            ):
                outcomes[number] = outcome
        arrived = outcomes.count(None)
        if arrived:
            self._metrics.add("Pushes", arrived)
        return outcomes

    def _settle(self, connection: Connection, failures: Sequence[Exception]) -> bool:
        """Do what the outcomes of a connection ask for; False when the batch is to come again for it."""
        if any(isinstance(failure, ConnectionGone) for failure in failures):
            if connection.may_be_opening(self._clock()):
                # Forgotten now, it would open and hear nothing. Its client syncs when it is there.
                log.info("Connection not open yet", action="connection_opening", connection_id=connection.id)
                return True
            self._connections.remove(connection.id)
            log.info("Connection gone", action="connection_gone", connection_id=connection.id)
        elif failures:
            return self._failed(connection, failures[0])
        elif connection.failures:
            self._connections.set_failures(connection, 0)
        return True

    def _failed(self, connection: Connection, error: Exception) -> bool:
        """Count the failure; at the limit the connection is closed, which serves it in its way."""
        failures = connection.failures + 1
        self._metrics.add("PushFailures")
        log.warning(
            "Push failed",
            action="push_failed",
            connection_id=connection.id,
            failures=failures,
            reason=str(error),
        )
        if failures < self._failures_allowed:
            # A connection that was removed meanwhile needs nothing any more.
            return not self._connections.set_failures(connection, failures)
        hang_up(self._connections, self._sockets, connection.id)
        return True

    # --- Rollups --------------------------------------------------------------------------------

    def _add_up(self, changes: Sequence[Change], batch_id: str) -> None:
        """Add the batch to its owners' minutes and to their open tasks, side by side."""
        minutes: defaultdict[tuple[str, datetime], Counter[str]] = defaultdict(Counter)
        opened: Counter[str] = Counter()
        for change in changes:
            minute = change.task.updated_at.replace(second=0, microsecond=0)
            minutes[change.task.owner, minute].update(counted(change))
            opened[change.task.owner] += change.opened
        add, add_open = self._rollups.add, self._rollups.add_open
        additions = [
            *(partial(add, *which, counts, batch_id) for which, counts in minutes.items() if counts),
            *(partial(add_open, owner, more, batch_id) for owner, more in opened.items() if more),
        ]
        for _ in self._threads.map(_or_log, additions):
            pass


def _or_log(add: partial[None]) -> None:
    try:
        add()
    except Exception:  # delivering all updates again for a chart would be the wrong way round
        log.exception("Rollup not added", action="rollup_failed", owner=add.args[0])


def _sequences(connection: Connection, tasks: Sequence[Task], made: Frames) -> list[Iterable[str]]:
    """The frames for a connection, in sequences that need not wait for each other."""
    versions: dict[str, list[Task]] = {}
    for task in tasks:
        versions.setdefault(task.id, []).append(task)
    if connection.batch:
        newest = [max(each, key=lambda task: task.version) for each in versions.values()]
        return [made.of_tasks(newest)]
    return [map(made.of_task, each) for each in versions.values()]


_COUNTED = {
    TaskStatus.SUCCEEDED: "succeeded",
    TaskStatus.FAILED: "failed",
    TaskStatus.CANCELED: "canceled",
    TaskStatus.EXPIRED: "expired",
    TaskStatus.RETRYING: "retried",
}


def counted(change: Change) -> dict[str, int]:
    """What a change adds to its minute: outcomes, and the queue wait and run time in milliseconds."""
    task, previous = change.task, change.previous
    if previous is None:
        return {"created": 1}
    if previous.status is task.status:
        return {}
    counts: dict[str, int] = {}
    if task.status in _COUNTED:
        counts[_COUNTED[task.status]] = 1
    if task.status is TaskStatus.RUNNING and task.started_at is not None:
        counts |= {"started": 1, "wait_ms": _milliseconds(task.run_at, task.started_at)}
    if previous.status is TaskStatus.RUNNING and previous.started_at is not None:
        counts |= {"ran": 1, "run_ms": _milliseconds(previous.started_at, task.updated_at)}
    return counts


def _milliseconds(start: datetime, end: datetime) -> int:
    return max(0, round((end - start).total_seconds() * 1000))
