"""Pauses and resumes task types. Tasks of a paused type wait; none is lost."""

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

#: A request to resume sends parked tasks for at most this long; the sweep sends the rest.
_SEND_LIMIT = timedelta(seconds=5)


class PauseControl:
    """Pauses and resumes task types."""

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
        """Start no more tasks of a type, within seconds; running ones go on. Pausing twice changes nothing.

        Raises: NotFound; TransitionNotAllowed if too many types are paused.
        """
        task_type = self._task_type(name)
        pauses = self._pauses.now()
        if name not in pauses:
            if len(pauses) >= MAX_PAUSED:
                raise TransitionNotAllowed(f"{MAX_PAUSED} task types are paused: resume one of them first.")
            if self._pauses.start(Pause(task_type=name, at=self._clock(), by=by, reason=reason)):
                log.warning("Task type paused", action="task_type_paused", task_type=name, by=by)
        return task_type, self._pauses.now().get(name)

    def resume(self, name: str, *, by: str) -> tuple[TaskType[Any], Pause | None]:
        """Start the tasks that waited: thousands now, the rest by the sweep. Resuming twice changes nothing.

        Raises: NotFound.
        """
        task_type = self._task_type(name)
        ended = self._pauses.end(name)
        pause = self._pauses.now().get(name)
        if ended:
            sent = self._sweeper.send_parked(name, self._clock() + _SEND_LIMIT)
            log.warning("Task type resumed", action="task_type_resumed", task_type=name, by=by, count=sent)
        return task_type, pause

    def _task_type(self, name: str) -> TaskType[Any]:
        task_type = self._task_types.find(name)
        if task_type is None:
            raise NotFound(f"There is no task type {name[:100]!r}.")
        return task_type
