"""The switch of a task type: nothing of it is started while it is off, and nothing is lost."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from chalicelib.domain.errors import NotFound, TransitionNotAllowed
from chalicelib.domain.pauses import MAX_PAUSED, Pause
from chalicelib.observability import log
from chalicelib.services.maintenance.sweeper import Sweeper
from chalicelib.services.pauses import PauseCache

if TYPE_CHECKING:
    from chalicelib.domain.task_types import TaskType, TaskTypes

#: Resuming a type sends its tasks itself for this long; the sweep goes on with the rest.
_BRING_BACK = timedelta(seconds=5)


class PauseControl:
    """PauseCache and resumes task types."""

    def __init__(
        self,
        *,
        pauses: PauseCache,
        task_types: TaskTypes,
        sweeper: Sweeper,
        clock: Callable[[], datetime],
    ) -> None:
        self._pauses = pauses
        self._task_types = task_types
        self._sweeper = sweeper
        self._clock = clock

    def pause(self, name: str, *, by: str, reason: str | None) -> tuple[TaskType[Any], Pause | None]:
        """Start nothing of a type, in a few seconds; what runs goes on. Pausing twice changes nothing.

        Raises: NotFound; TransitionNotAllowed when too many types are paused.
        """
        task_type = self._known(name)
        paused = self._pauses.now()
        if name not in paused:
            if len(paused) >= MAX_PAUSED:
                raise TransitionNotAllowed(f"{MAX_PAUSED} task types are paused: resume one of them first.")
            if self._pauses.start(Pause(task_type=name, at=self._clock(), by=by, reason=reason)):
                log.warning("Task type paused", action="task_type_paused", task_type=name, by=by)
        return task_type, self._pauses.now().get(name)

    def resume(self, name: str, *, by: str) -> tuple[TaskType[Any], Pause | None]:
        """Start what waited: thousands at once, the rest by the sweep. Resuming twice changes nothing.

        Raises: NotFound.
        """
        task_type = self._known(name)
        ended = self._pauses.end(name)
        paused = self._pauses.now().get(name)
        if ended:
            back = self._sweeper.bring_back(name, self._clock() + _BRING_BACK)
            log.warning("Task type resumed", action="task_type_resumed", task_type=name, by=by, count=back)
        return task_type, paused

    def _known(self, name: str) -> TaskType[Any]:
        task_type = self._task_types.find(name)
        if task_type is None:
            raise NotFound(f"There is no task type {name[:100]!r}.")
        return task_type
