"""Sends the changes of the table's stream to the connections that watch them.

Each update is the whole public task with its version. A client keeps the highest version of each task, so a
repeated or late update is harmless. Therefore a batch that was not delivered completely is delivered again,
and a connection that keeps failing is closed: its client reconnects and syncs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from chalicelib.domain.change import Change
from chalicelib.domain.connection import Connection, ConnectionGone, SendFailed
from chalicelib.domain.task import Task
from chalicelib.observability import Metrics, log
from chalicelib.services.live.connections import close_connection
from chalicelib.services.live.frames import Frames, fits_a_frame

if TYPE_CHECKING:
    from chalicelib.aws.dynamodb.connection_table import ConnectionTable
    from chalicelib.aws.dynamodb.document_table import DocumentTable
    from chalicelib.aws.websocket import Sockets
    from chalicelib.services.live.counting import RollupCounter
    from chalicelib.services.runtime import Runtime

#: The tries to send a frame before the batch has failed for its connection.
_TRIES = 2
_RETRY_WAIT_SECONDS = 0.1


class PushFailed(Exception):
    """Some connections could not be served: the stream must deliver the batch again."""


class UpdatePusher:
    """Sends the updates of stream batches."""

    def __init__(
        self,
        *,
        connections: ConnectionTable,
        documents: DocumentTable,
        counter: RollupCounter,
        sockets: Sockets,
        metrics: Metrics,
        runtime: Runtime,
        failures_allowed: int,
    ) -> None:
        self._connections = connections
        self._documents = documents
        self._counter = counter
        self._sockets = sockets
        self._metrics = metrics
        self._threads = runtime.aws_threads
        self._clock = runtime.clock
        self._sleep = runtime.sleep
        self._failures_allowed = failures_allowed

    def push(self, changes: Sequence[Change], removed: Sequence[Task] = (), *, batch_id: str = "") -> None:
        """Send each public change to the connections that watch it, then add the batch to the rollups.

        Also deletes the documents of `removed`, the tasks whose rows were deleted. The rollups count each
        `batch_id` once. Raises: PushFailed if the stream must deliver the batch again.
        """
        for task in removed:
            self._documents.delete(task)
        public = [change for change in changes if change.public]
        served = self._serve(self._recipients([change.task for change in public]))
        if not all(served):  # guard: updates.failed-batch-again
            raise PushFailed(f"{served.count(False)} of {len(served)} connections could not be served")
        self._counter.add(public, batch_id)
        for task in (change.task for change in public):
            log.about(task).info(
                "Update announced",
                action="update_announced",
                status=task.status.value,
                version=task.version,
            )

    # --- Recipients -----------------------------------------------------------------------------

    def _recipients(self, tasks: Sequence[Task]) -> list[tuple[Connection, list[Task]]]:
        """Each connection with the tasks that it watches, in order. Reads the watchers once per owner."""
        watchers = self._watchers(dict.fromkeys(task.owner for task in tasks))
        watched = [(each, [i for i, task in enumerate(tasks) if each.wants(task)]) for each in watchers]
        loaded = self._loaded(tasks, {i for _, numbers in watched for i in numbers})
        return [(connection, [loaded[i] for i in numbers]) for connection, numbers in watched if numbers]

    def _watchers(self, owners: Iterable[str]) -> list[Connection]:
        """The connections of these owners. Closes those whose token has ended."""
        now = self._clock()
        by_owner = self._threads.map(lambda owner: self._connections.watchers(owner, now), owners)
        connections = [connection for each in by_owner for connection in each]
        for connection in connections:
            if connection.is_over(now):
                close_connection(self._connections, self._sockets, connection.id)
        return [connection for connection in connections if not connection.is_over(now)]

    def _loaded(self, tasks: Sequence[Task], numbers: Iterable[int]) -> dict[int, Task]:
        """The watched tasks, by index, with their documents if a frame can hold them."""
        numbers = sorted(numbers)
        fitting = [i for i in numbers if fits_a_frame(tasks[i])]
        loaded = dict(zip(fitting, self._documents.load(tasks[i] for i in fitting), strict=True))
        return {i: loaded.get(i, tasks[i]) for i in numbers}

    # --- Delivery -------------------------------------------------------------------------------

    def _serve(self, recipients: Sequence[tuple[Connection, Sequence[Task]]]) -> list[bool]:
        """Send each connection its frames; for each, False if the batch must be delivered again for it.

        Versions of one task are sent in order and different tasks side by side: one watcher of a hundred
        tasks must not wait for a hundred round trips.
        """
        texts = Frames()
        sequences = [
            (connection.id, iter(frames))
            for connection, tasks in recipients
            for frames in _sequences(connection, tasks, texts)
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
        return [self._concluded(connection, failures[connection.id]) for connection, _ in recipients]

    def _sent(self, frames: Sequence[tuple[str, str]]) -> list[ConnectionGone | SendFailed | None]:
        """Send (connection id, frame) side by side, and failed ones again; for each, None or its error."""
        outcomes = self._sockets.send_all(frames)
        for _ in range(1, _TRIES):
            again = [number for number, failure in enumerate(outcomes) if isinstance(failure, SendFailed)]
            if not again:
                break
            self._sleep(_RETRY_WAIT_SECONDS)
            for number, outcome in zip(
                again, self._sockets.send_all([frames[number] for number in again]), strict=True
            ):
                outcomes[number] = outcome
        arrived = outcomes.count(None)
        if arrived:
            self._metrics.add("Pushes", arrived)
        return outcomes

    def _concluded(self, connection: Connection, failures: Sequence[Exception]) -> bool:
        """Handle the failures of a connection. False if the batch must be delivered again for it."""
        if any(isinstance(failure, ConnectionGone) for failure in failures):
            if connection.may_be_opening(self._clock()):
                # If it were deleted now, it would open and receive nothing. Its client syncs once it is open.
                log.info("Connection not open yet", action="connection_opening", connection_id=connection.id)
                return True
            self._connections.remove(connection.id)
            log.info("Connection gone", action="connection_gone", connection_id=connection.id)
        elif failures:
            return self._failed(connection, failures[0])  # guard: updates.failed-frame-counts
        elif connection.failures:
            self._connections.set_failures(connection, 0)
        return True

    def _failed(self, connection: Connection, error: Exception) -> bool:
        """Count the failure. At the limit close the connection, which then needs no further delivery."""
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
            # A connection that was deleted in the meantime needs no further delivery.
            return not self._connections.set_failures(connection, failures)
        close_connection(self._connections, self._sockets, connection.id)  # guard: updates.close-failing
        return True


def _sequences(connection: Connection, tasks: Sequence[Task], texts: Frames) -> list[Iterable[str]]:
    """The frames for a connection, in independent sequences."""
    versions: dict[str, list[Task]] = {}
    for task in tasks:
        versions.setdefault(task.id, []).append(task)
    if connection.batch:
        newest = [max(each, key=lambda task: task.version) for each in versions.values()]
        return [texts.of_tasks(newest)]
    return [map(texts.of_task, each) for each in versions.values()]
