"""The latest version of each watched task, and the `sync` messages to send after a reconnect."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from task_service_client.models import Task

#: The service allows at most this number of tasks in one `sync` message.
SYNC_LIMIT: Final = 100
#: Finished tasks that are kept. All unfinished tasks are kept, because they will change.
FINISHED_LIMIT: Final = 1_000


class SyncState:
    """Keeps the highest version of each task, when updates are repeated or arrive late."""

    def __init__(self, tasks: Iterable[Task] = ()) -> None:
        self._unfinished: dict[str, int] = {}
        self._finished: OrderedDict[str, int] = OrderedDict()
        self.newest: str | None = None  #: the greatest id of all tasks so far
        for task in tasks:
            self.update(task)

    def expect(self, task_id: str) -> None:
        """Add a task without a known version, so that every version is newer."""
        self._unfinished[task_id] = 0

    def update(self, task: Task) -> bool:
        """Keep a version of a task. False if it is not newer than the known version."""
        known_version = self._unfinished.get(task.id) or self._finished.get(task.id) or 0
        self.newest = max(self.newest or task.id, task.id)
        if task.version <= known_version:
            return False
        self._unfinished.pop(task.id, None)
        self._finished.pop(task.id, None)
        (self._finished if task.finished else self._unfinished)[task.id] = task.version
        while len(self._finished) > FINISHED_LIMIT:
            self._finished.popitem(last=False)
        return True

    def syncs(self, since: str | None) -> Iterator[str]:
        """The `sync` messages for newer versions, and for tasks created after `since` if it is given."""
        versions = list({**self._finished, **self._unfinished}.items())
        chunks = [dict(versions[start : start + SYNC_LIMIT]) for start in range(0, len(versions), SYNC_LIMIT)]
        if since is None:
            yield from (sync(chunk) for chunk in chunks)
            return
        first, *others = chunks or [{}]
        yield sync(first, since)
        yield from (sync(chunk) for chunk in others)


def sync(versions: dict[str, int], since: str | None = None) -> str:
    """One `sync` message."""
    message = {"action": "sync", "tasks": versions}
    return json.dumps(message if since is None else {**message, "since": since})


def earliest_id(moment: datetime) -> str:
    """The smallest id of a task created at `moment`. Ids are UUIDv7, which sort by time."""
    milliseconds = int(moment.astimezone(UTC).timestamp() * 1000)
    return str(UUID(int=(milliseconds << 80) | (7 << 76) | (2 << 62)))
