"""Requests that wait for a task, so that a fast task's result arrives in one round trip.

A waiting request occupies a function, so each owner has a bucket of waiting time, to which unused time is
returned. The bucket refills by itself, so a function that dies while it waits leaves nothing to clean up.
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

#: The seconds between two reads of the row: the first, the growth and the longest.
_FIRST_INTERVAL, _GROWTH, _LONGEST_INTERVAL = 0.05, 1.5, 0.5


class Waiters:
    """Makes a bounded number of requests wait."""

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
        """The task once it is `done`, or as it is after `seconds`; and the seconds granted.

        None instead of the seconds means no wait: none was requested, or too many of the owner's requests
        wait. An error while waiting is logged: the task is stored, so it is returned as last read.
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
        latest = self._poll(done, task, started + timedelta(seconds=seconds))
        unused = seconds - (self._clock() - started).total_seconds()
        if unused > 0:
            self._table.give_back(task.owner, self._cost(unused))
        return (task if latest is None else self._tasks.load([latest])[0]), seconds

    def _poll(self, done: Callable[[Task], bool], task: Task, end: datetime) -> Task | None:
        """The row once it is done, or as it is at the end; None if it was deleted."""
        interval = _FIRST_INTERVAL
        while True:
            left = (end - self._clock()).total_seconds()
            self._sleep(max(0.0, min(interval, left)))
            latest = self._tasks.get(task.owner, task.id)
            if latest is None or done(latest) or self._clock() >= end:
                return latest
            interval = min(interval * _GROWTH, _LONGEST_INTERVAL)

    def _cost(self, seconds: float) -> timedelta:
        """The share of the bucket for a wait: a full bucket lets all waiters wait side by side."""
        return timedelta(seconds=seconds / self._waiters)
