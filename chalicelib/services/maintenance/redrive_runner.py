"""Runs a redrive in one function: acts on the owner's tasks, at its rate, until time is up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NoReturn

from chalicelib.domain.errors import TooMany
from chalicelib.domain.redrive import Redrive, RedriveStatus
from chalicelib.domain.task import Task
from chalicelib.observability import log
from chalicelib.services.reading import read_page

if TYPE_CHECKING:
    from chalicelib.aws.dynamodb.redrive_table import RedriveTable
    from chalicelib.aws.dynamodb.task_list import TaskList

#: Longer than a function works after it stored its progress, which it does every second.
LEASE = timedelta(seconds=90)
_SECOND = timedelta(seconds=1)
#: A redrive that failed this often in a row ends; it waits a minute between two tries.
_TRIES = 5
_RETRY_WAIT = timedelta(minutes=1)


class _Stop(Exception):
    """The time or the rate is used up, or another function or an abort took the redrive."""


class RedriveRunner:
    """Reads one page of tasks after another. It stores its progress every second."""

    def __init__(
        self,
        redrive: Redrive,
        *,
        table: RedriveTable,
        listing: TaskList,
        act: Callable[[Redrive, Task], str],
        clock: Callable[[], datetime],
        sleep: Callable[[float], None],
        stop_at: datetime,
        paced: bool,
    ) -> None:
        self._redrive = redrive
        self._table = table
        self._listing = listing
        self._act = act
        self._clock = clock
        self._sleep = sleep
        self._stop_at = stop_at
        self._paced = paced  #: waits for the next second when the rate is used up, instead of stopping
        self._left = redrive.rate
        self._second = clock()

    def run(self) -> None:
        """Act on all matching tasks, until time is up."""
        try:
            while self._page():
                self._checkpoint()
        except _Stop:
            return
        self._end(RedriveStatus.DONE)

    def back_off(self) -> None:
        """Schedule another try in a minute, or fail the redrive after too many."""
        self._redrive = replace(self._redrive, errors=self._redrive.errors + 1)
        if self._redrive.errors >= _TRIES:
            self._end(RedriveStatus.FAILED)
        else:
            self._table.save(self._redrive, self._clock() + _RETRY_WAIT)

    def _page(self) -> bool:
        """Act on the next page of tasks. False if it was the last."""
        end = self._redrive.end
        page = read_page(self._listing.page(self._redrive.owner, before=self._redrive.position))
        for task in page.tasks:
            if task.id < end:
                return False
            counted = self._handle(task) if self._redrive.matches(task) else {}
            counts = self._redrive.counts.plus(examined=1, **counted)
            self._redrive = replace(self._redrive, position=task.id, counts=counts)
        if page.position is not None:
            self._redrive = replace(self._redrive, position=page.position)
        return page.position is not None

    def _handle(self, task: Task) -> dict[str, int]:
        """Act on a task. Returns the counts to add."""
        if self._left == 0:
            self._next_second()
        self._left -= 1
        try:
            return {"matched": 1, self._act(self._redrive, task): 1}
        except TooMany as limit:  # redrives count towards the owner's limits
            self._stop(self._clock() + max(_SECOND, timedelta(seconds=limit.retry_after_seconds)))

    def _next_second(self) -> None:
        next_second = self._second + _SECOND
        if not self._paced or next_second >= self._stop_at:
            self._stop(self._clock())
        self._checkpoint()
        self._sleep(max(0.0, (next_second - self._clock()).total_seconds()))
        self._left, self._second = self._redrive.rate, self._clock()

    def _checkpoint(self) -> None:
        """Store the progress. Stop when time is up or the redrive was aborted or taken over."""
        now = self._clock()
        if now >= self._stop_at:
            self._stop(now)
        self._redrive = replace(self._redrive, updated_at=now, errors=0)
        if not self._table.save(self._redrive, now + LEASE):
            raise _Stop

    def _stop(self, due_at: datetime) -> NoReturn:
        """Store the progress and stop; the sweep continues after `due_at`."""
        self._redrive = replace(self._redrive, updated_at=self._clock(), errors=0)
        self._table.save(self._redrive, due_at)
        raise _Stop

    def _end(self, status: RedriveStatus) -> None:
        if self._table.finish(self._redrive, status, self._clock()):
            redrive_id = self._redrive.id
            log.info("Redrive ended", action=f"redrive_{status.value}", redrive_id=redrive_id)
