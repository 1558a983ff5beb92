"""One stored change of a task, as the table's stream delivers it, and its effect on the counts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.task import Task, TaskStatus


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One change of one task."""

    task: Task
    previous: Task | None  #: None for a new task

    @property
    def public(self) -> bool:
        """Did a public field change? A write of `due_at` alone changes none."""
        # guard: updates.skip-due-only
        return self.previous is None or self.previous.version != self.task.version

    @property
    def opened(self) -> int:
        """The change in the number of live tasks: 1, 0 or -1."""
        was_live = self.previous is not None and not self.previous.terminal
        return int(not self.task.terminal) - int(was_live)


_COUNTED = {
    TaskStatus.SUCCEEDED: "succeeded",
    TaskStatus.FAILED: "failed",
    TaskStatus.CANCELED: "canceled",
    TaskStatus.EXPIRED: "expired",
    TaskStatus.RETRYING: "retried",
}


def counts_of(change: Change) -> dict[str, int]:
    """The counts to add to the minute of a change: outcomes, and milliseconds of queue wait and run time."""
    task, previous = change.task, change.previous
    if previous is None:
        return {"created": 1}
    if previous.status is task.status:
        return {}
    counts: dict[str, int] = {}
    if task.status in _COUNTED:
        counts[_COUNTED[task.status]] = 1
    if task.status is TaskStatus.RUNNING and task.started_at is not None:
        counts |= {"started": 1, "wait_ms": _milliseconds(task.run_at, task.started_at)}
    if previous.status is TaskStatus.RUNNING and previous.started_at is not None:
        counts |= {"ran": 1, "run_ms": _milliseconds(previous.started_at, task.updated_at)}
    return counts


def _milliseconds(start: datetime, end: datetime) -> int:
    return max(0, round((end - start).total_seconds() * 1000))
