"""Statistics: the counts of the last minutes and the depths of the queues."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from chalicelib.domain.task_types import Lane

if TYPE_CHECKING:
    from chalicelib.aws.dynamodb.rollup_table import RollupTable
    from chalicelib.aws.queues import DeadLetterQueue, TaskQueue
    from chalicelib.services.runtime import Runtime

#: Every count of a minute; absent counts are 0.
COUNTS = (
    "created",
    "started",
    "succeeded",
    "failed",
    "retried",
    "canceled",
    "expired",
    "ran",
    "wait_ms",
    "run_ms",
)


class Stats:
    """Approximate counts from the rollups, and the approximate queue depths of SQS."""

    def __init__(
        self,
        *,
        rollups: RollupTable,
        queue: TaskQueue,
        dead_letters: DeadLetterQueue,
        runtime: Runtime,
    ) -> None:
        self._rollups = rollups
        self._queue = queue
        self._dead_letters = dead_letters
        self._threads = runtime.aws_threads
        self._clock = runtime.clock

    def last(self, owner: str, minutes: int) -> dict[str, Any]:
        """The owner's counts of the last `minutes`, oldest first, and the totals. Omits empty minutes."""
        since = self._clock() - timedelta(minutes=minutes - 1)
        depths = {lane.value: self._threads.submit(self._queue.depth, lane.value) for lane in Lane}
        depths["dead-letters"] = self._threads.submit(self._dead_letters.depth)
        minutes_with_counts = self._rollups.since(owner, since)
        totals: Counter[str] = Counter()
        for counts in minutes_with_counts.values():
            totals.update(counts)
        return {
            "approximate": True,
            "totals": _view(totals),
            "minutes": [
                {"minute": minute, **_view(counts)} for minute, counts in sorted(minutes_with_counts.items())
            ],
            "queues": {name: depth.result() for name, depth in depths.items()},
        }


def _view(counts: dict[str, int]) -> dict[str, int | None]:
    """All counts, and the mean queue wait and run time in milliseconds (null without a count)."""
    full = {name: counts.get(name, 0) for name in COUNTS}
    wait, run = full.pop("wait_ms"), full.pop("run_ms")
    ran = full.pop("ran")
    return {
        **full,
        "mean_wait_ms": round(wait / full["started"]) if full["started"] else None,
        "mean_run_ms": round(run / ran) if ran else None,
    }
