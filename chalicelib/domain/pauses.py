"""Paused task types, and where their tasks wait.

A task of a paused type is parked: it keeps its status, and its due time moves to a parking bucket. That is
a bucket of the due index, which the sweep reads as it reads the others, so a parked task expires in time and
costs nothing else. After its type is resumed, the sweep empties the parking bucket: each task returns to its
own due bucket.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from zlib import crc32

from chalicelib.domain.formats import timestamp
from chalicelib.domain.task import Task

#: Parking buckets of one due bucket. Paused types that share one are read together.
PARKING_BUCKETS = 4
#: More types cannot be paused at once: a claim's condition names each of them.
MOST_PAUSED = 50
#: The sweep looks at a parked task at least this often, whatever else went wrong.
PARKED = timedelta(hours=1)
#: A container that has not heard of a resume may still park a task; parking buckets are emptied until then.
RESUME_GRACE = timedelta(minutes=2)


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


def parking_bucket_of(due_bucket: int, task_type: str) -> int:
    """The bucket, below 0, in which tasks of a type from `due_bucket` are parked."""
    return -(1 + due_bucket * PARKING_BUCKETS + crc32(task_type.encode()) % PARKING_BUCKETS)


def due_bucket_of(bucket: int) -> int:
    """The due bucket that a parking bucket belongs to; a due bucket belongs to itself."""
    return bucket if bucket >= 0 else (-bucket - 1) // PARKING_BUCKETS


def parking_buckets_of(due_bucket: int) -> list[int]:
    """All parking buckets of a due bucket."""
    return [-(1 + due_bucket * PARKING_BUCKETS + number) for number in range(PARKING_BUCKETS)]


def parked(task: Task, now: datetime) -> Task:
    """The waiting task in the parking bucket of its type."""
    parking_bucket = parking_bucket_of(due_bucket_of(task.due_bucket), task.type)
    return replace(task, due_bucket=parking_bucket, due_at=task.due(now + PARKED))


def unparked(task: Task) -> Task:
    """The task in its own due bucket again."""
    return replace(task, due_bucket=due_bucket_of(task.due_bucket))
