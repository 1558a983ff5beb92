"""Requests that wait for a task, so that a fast one answers with its result in one round trip.

A waiting request occupies a function, so each owner has a bucket of waiting time, and what is not used up
is given back. A function that dies while it waits leaves nothing to clean up: the bucket fills by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from chalicelib.domain.task import Task
from chalicelib.domain.timing import PREFER_WAIT_LIMIT_SECONDS
from chalicelib.observability import log

if TYPE_CHECKING:
    from chalicelib.aws.dynamodb.limit_table import LimitTable
    from chalicelib.aws.dynamodb.task_table import TaskTable
    from chalicelib.services.runtime import Runtime

#: The row is read at growing intervals, in seconds.
_FIRST_LOOK, _GROWTH, _LAST_LOOK = 0.05, 1.5, 0.5


class Waiters:
    """Lets a bounded number of requests wait."""

    def __init__(
        self,
        *,
        tasks: TaskTable,
        table: LimitTable,
        waiters: int,
        runtime: Runtime,
    ) -> None:
        self._tasks = tasks
        self._table = table
        self._waiters = waiters
        self._clock = runtime.clock
        self._sleep = runtime.sleep

    def until(self, done: Callable[[Task], bool], task: Task, seconds: int | None) -> tuple[Task, int | None]:
        """The task once it is `done`, or as it is after `seconds`; and the seconds that were allowed.

        None for these means that nobody waited: not asked for, or the owner has too many waiting requests.
        Trouble while waiting is no reason to fail: the task is stored, and is answered as it was seen last.
        """
        if seconds is None:
            return task, None
        if seconds == 0 or done(task):
            return task, seconds
        try:
            return self._watch(done, task, seconds)
        except Exception:
            log.exception("Waiting failed", action="wait_failed", task_id=task.id)
            return task, None

    def _watch(self, done: Callable[[Task], bool], task: Task, seconds: int) -> tuple[Task, int | None]:
        started = self._clock()
        granted, _ = self._table.take(
            task.owner, started, self._cost(seconds), timedelta(seconds=PREFER_WAIT_LIMIT_SECONDS)
        )
        if not granted:
            return task, None
        found = self._poll(done, task, started + timedelta(seconds=seconds))
        unused = seconds - (self._clock() - started).total_seconds()
        if unused > 0:
            self._table.give_back(task.owner, self._cost(unused))
        return (task if found is None else self._tasks.load([found])[0]), seconds

    def _poll(self, done: Callable[[Task], bool], task: Task, end: datetime) -> Task | None:
        """The row when it is done, or as it was at the end; None when it is gone."""
        interval = _FIRST_LOOK
        while True:
            left = (end - self._clock()).total_seconds()
            self._sleep(max(0.0, min(interval, left)))
            found = self._tasks.get(task.owner, task.id)
            if found is None or done(found) or self._clock() >= end:
                return found
            interval = min(interval * _GROWTH, _LAST_LOOK)

    def _cost(self, seconds: float) -> timedelta:
        """The bucket holds so much waiting that all waiters can wait side by side."""
        return timedelta(seconds=seconds / self._waiters)
