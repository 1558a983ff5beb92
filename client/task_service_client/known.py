"""What a watcher knows: the newest version of each task, and what it must ask after a reconnect."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from task_service_client.models import Task

#: Tasks in one `sync` message, by the service's contract.
SYNC_LIMIT: Final = 100
#: Finished tasks that are remembered; live ones all are, because they will change.
FINISHED_LIMIT: Final = 1_000


class Known:
    """The highest version of each task wins, whatever is repeated or comes late."""

    def __init__(self, tasks: Iterable[Task] = ()) -> None:
        self._live: dict[str, int] = {}
        self._finished: OrderedDict[str, int] = OrderedDict()
        self.newest: str | None = None  #: the greatest id of all tasks that were taken
        for task in tasks:
            self.take(task)

    def expect(self, task_id: str) -> None:
        """Know of a task, but none of its versions: whatever comes is newer."""
        self._live[task_id] = 0

    def take(self, task: Task) -> bool:
        """Remember an update; False when it is not newer than what is known."""
        known = self._live.get(task.id) or self._finished.get(task.id) or 0
        self.newest = max(self.newest or task.id, task.id)
        if task.version <= known:
            return False
        self._live.pop(task.id, None)
        self._finished.pop(task.id, None)
        (self._finished if task.finished else self._live)[task.id] = task.version
        while len(self._finished) > FINISHED_LIMIT:
            self._finished.popitem(last=False)
        return True

    def syncs(self, since: str | None) -> Iterator[str]:
        """The messages that ask for what is newer, and created after `since`; none when nothing is known."""
        versions = list({**self._finished, **self._live}.items())
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
    """The smallest id that a task created at `moment` can have: ids are UUIDv7, so they sort by time."""
    milliseconds = int(moment.astimezone(UTC).timestamp() * 1000)
    return str(UUID(int=(milliseconds << 80) | (7 << 76) | (2 << 62)))
