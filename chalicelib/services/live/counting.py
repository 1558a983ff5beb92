"""Counts the changes of a stream batch: the minutes of `GET /stats` and the open tasks of owners."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from concurrent.futures import Executor
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from chalicelib.domain.change import Change, counts_of
from chalicelib.observability import log

if TYPE_CHECKING:
    from chalicelib.aws.dynamodb.rollup_table import RollupTable


class RollupCounter:
    """Adds stream batches to the rollups."""

    def __init__(self, rollups: RollupTable, threads: Executor) -> None:
        self._rollups = rollups
        self._threads = threads

    def add(self, changes: Sequence[Change], batch_id: str) -> None:
        """Add the batch to its owners' minutes and open tasks, side by side. Errors are logged."""
        minutes: defaultdict[tuple[str, datetime], Counter[str]] = defaultdict(Counter)
        opened: Counter[str] = Counter()
        for change in changes:
            minute = change.task.updated_at.replace(second=0, microsecond=0)
            minutes[change.task.owner, minute].update(counts_of(change))
            opened[change.task.owner] += change.opened
        add, add_open = self._rollups.add, self._rollups.add_open
        additions = [
            *(partial(add, *minute, counts, batch_id) for minute, counts in minutes.items() if counts),
            *(partial(add_open, owner, count, batch_id) for owner, count in opened.items() if count),
        ]
        for _ in self._threads.map(_add_or_log, additions):
            pass


def _add_or_log(add: partial[None]) -> None:
    try:
        add()
    except Exception:  # a failed batch would be delivered again, only for a chart
        log.exception("Rollup not added", action="rollup_failed", owner=add.args[0])
