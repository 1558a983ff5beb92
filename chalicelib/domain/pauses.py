"""Paused task types, and where their tasks wait.

A task of a paused type is parked: it keeps its status, and its due time moves to a lot, a bucket of the due
index that the sweep looks into as it does into every other one. So a parked task expires in time, and nothing
else is spent on it. When its type is resumed, the lot is walked through and its tasks go home.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from zlib import crc32

from chalicelib.domain.task import Task
from chalicelib.domain.task_view import timestamp

#: Lots of one bucket of the due index: paused types that share a lot are read together.
LOTS = 4
#: More types cannot be paused at once: a claim's condition names each of them.
MOST_PAUSED = 50
#: The sweep looks at a parked task at least this often, whatever else went wrong.
PARKED = timedelta(hours=1)
#: A container that has not heard of a resume may still park a task; the lots are walked through until then.
SETTLED = timedelta(minutes=2)


@dataclass(frozen=True, kw_only=True, slots=True)
class Pause:
    """A task type of which nothing is started for now, or was until a moment ago."""

    task_type: str
    at: datetime
    by: str | None = None  #: who paused it
    reason: str | None = None
    resumed_at: datetime | None = None  #: set while its tasks are being brought back

    def view(self) -> dict[str, Any]:
        """The public JSON."""
        return {"at": timestamp(self.at), "by": self.by, "reason": self.reason}


def lot_of(home: int, task_type: str) -> int:
    """The lot of a bucket of the due index that tasks of a type are parked in; below 0."""
    return -(1 + home * LOTS + crc32(task_type.encode()) % LOTS)


def home_of(bucket: int) -> int:
    """The bucket that a lot belongs to; a bucket is its own home."""
    return bucket if bucket >= 0 else (-bucket - 1) // LOTS


def lots_of(home: int) -> list[int]:
    """All lots of a bucket of the due index."""
    return [-(1 + home * LOTS + number) for number in range(LOTS)]


def parked(task: Task, now: datetime) -> Task:
    """The waiting task, put to wait for its type to be resumed."""
    lot = lot_of(home_of(task.due_bucket), task.type)
    return replace(task, due_bucket=lot, due_at=task.due(now + PARKED))


def at_home(task: Task) -> Task:
    """The task in the bucket of the due index that it was created in."""
    return replace(task, due_bucket=home_of(task.due_bucket))
