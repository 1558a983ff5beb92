"""The paused task types, cached in each container that starts or sends tasks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from chalicelib.domain.pauses import Pause

if TYPE_CHECKING:
    from chalicelib.aws.dynamodb.pause_table import PauseTable

#: A container reads the pauses again after this.
MAX_AGE = timedelta(seconds=5)
#: The oldest read by which a task is parked: its type may just have been resumed.
MAX_AGE_TO_PARK = timedelta(seconds=0.5)


class PauseCache:
    """The pauses of a stage.

    Threads may use it at the same time: each sees the result of some read, and none waits for another's read.
    A caller that starts threads calls `paused` first, so that the threads find a fresh cache.
    """

    def __init__(self, table: PauseTable, clock: Callable[[], datetime]) -> None:
        self._table = table
        self._clock = clock
        self._paused: frozenset[str] = frozenset()
        self._read_at: datetime | None = None

    def paused(self) -> frozenset[str]:
        """The names of the paused types, at most MAX_AGE old, so that a task costs no read of its own."""
        self._read_if_older_than(MAX_AGE)
        return self._paused

    def confirmed(self, task_type: str) -> bool:
        """Is a type still paused, by a read that is recent enough to park its tasks?"""
        self._read_if_older_than(MAX_AGE_TO_PARK)
        return task_type in self._paused

    def now(self) -> dict[str, Pause]:
        """The current pauses, by task type, read now."""
        return {pause.task_type: pause for pause in self._read() if pause.resumed_at is None}

    def ended(self) -> list[Pause]:
        """The pauses that have ended, whose parked tasks are being sent."""
        return [pause for pause in self._read() if pause.resumed_at is not None]

    def start(self, pause: Pause) -> bool:
        """Store a pause. False if its type is already paused; that pause stays."""
        return self._table.put(pause)

    def end(self, task_type: str) -> bool:
        """End the pause of a type. False if it is not paused."""
        pause = self.now().get(task_type)
        return pause is not None and self._table.end(pause, self._clock())

    def forget(self, ended: Pause) -> None:
        """Delete a pause that has ended, once all its parked tasks are sent."""
        self._table.forget(ended)

    def _read_if_older_than(self, age: timedelta) -> None:
        if self._read_at is None or self._clock() >= self._read_at + age:
            self._read()

    def _read(self) -> list[Pause]:
        started_at = self._clock()  # before the read, so that the cache never looks fresher than it is
        pauses = self._table.all()
        self._paused = frozenset(pause.task_type for pause in pauses if pause.resumed_at is None)
        self._read_at = started_at  # guard: pause.as-old-as-its-read
        return pauses
