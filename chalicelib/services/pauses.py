"""Which task types are paused, as every function that starts or sends tasks must know."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from chalicelib.domain.pauses import Pause

if TYPE_CHECKING:
    from chalicelib.aws.dynamodb.pause_table import PauseTable

#: A container hears of a pause within this.
KEPT = timedelta(seconds=5)
#: Before a task is refused, what is known must not be older than this: its type may just have been resumed.
FRESH = timedelta(seconds=0.5)


class PauseCache:
    """The pauses of a stage.

    Threads may read them at the same time: each sees what some read found, and none waits for another's.
    Whoever starts threads asks before, so that they ask only when their work takes long.
    """

    def __init__(self, table: PauseTable, clock: Callable[[], datetime]) -> None:
        self._table = table
        self._clock = clock
        self._known: frozenset[str] = frozenset()
        self._read_at: datetime | None = None

    def paused(self) -> frozenset[str]:
        """The names of the paused types; asked for once in KEPT, so that a task costs no read more."""
        self._read_unless_known_for(KEPT)
        return self._known

    def confirmed(self, task_type: str) -> bool:
        """Is a type, of which a task is about to be refused, still paused?"""
        self._read_unless_known_for(FRESH)
        return task_type in self._known

    def now(self) -> dict[str, Pause]:
        """What is paused now, by name of the type."""
        return {pause.task_type: pause for pause in self._read() if pause.resumed_at is None}

    def ended(self) -> list[Pause]:
        """The pauses that ended a moment ago, whose tasks are being brought back."""
        return [pause for pause in self._read() if pause.resumed_at is not None]

    def start(self, pause: Pause) -> bool:
        """Store a pause; False when its type is paused already, and stays as it is."""
        return self._table.put(pause)

    def end(self, task_type: str) -> bool:
        """Let a type go on; False when it is not paused."""
        pause = self.now().get(task_type)
        return pause is not None and self._table.end(pause, self._clock())

    def forget(self, ended: Pause) -> None:
        """All tasks of a pause that ended are back."""
        self._table.forget(ended)

    def _read_unless_known_for(self, age: timedelta) -> None:
        if self._read_at is None or self._clock() >= self._read_at + age:
            self._read()

    def _read(self) -> list[Pause]:
        asked_at = self._clock()  # an answer is no younger than its question
        pauses = self._table.all()
        self._known = frozenset(pause.task_type for pause in pauses if pause.resumed_at is None)
        self._read_at = asked_at  # guard: pause.as-old-as-its-read
        return pauses
