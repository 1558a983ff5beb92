"""Paused task types and the parking buckets of their tasks.

A task of a paused type is parked: it keeps its status, and its `due_at` moves to a parking bucket of the due
index. The sweep reads parking buckets like all others, so a parked task expires in time. After its type is
resumed, the sweep sends the parked tasks and returns each to its own due bucket.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from zlib import crc32

from chalicelib.domain.formats import timestamp
from chalicelib.domain.task import Task

#: The number of parking buckets of one due bucket. Task types that share one are read together.
PARKING_BUCKETS = 4
#: The most types that can be paused at once: a claim's condition names each of them.
MAX_PAUSED = 50
#: The sweep checks a parked task at least this often, even if a resume was lost.
PARKED_CHECK_INTERVAL = timedelta(hours=1)
#: Parking buckets are emptied for this long after a resume: a container that has not read it may park more.
RESUME_GRACE = timedelta(minutes=2)


@dataclass(frozen=True, kw_only=True, slots=True)
class Pause:
    """The pause of a task type, until all of its parked tasks are sent."""

    task_type: str
    at: datetime
    by: str | None = None  #: the subject that paused it
    reason: str | None = None
    resumed_at: datetime | None = None  #: set while its parked tasks are being sent

    def view(self) -> dict[str, Any]:
        """The public JSON."""
        return {"at": timestamp(self.at), "by": self.by, "reason": self.reason}


def parking_bucket_of(due_bucket: int, task_type: str) -> int:
    """The parking bucket, below 0, for tasks of a type from `due_bucket`."""
    return -(1 + due_bucket * PARKING_BUCKETS + crc32(task_type.encode()) % PARKING_BUCKETS)


def due_bucket_of(bucket: int) -> int:
    """The due bucket of a parking bucket; a due bucket is returned as it is."""
    return bucket if bucket >= 0 else (-bucket - 1) // PARKING_BUCKETS


def parking_buckets_of(due_bucket: int) -> list[int]:
    """The parking buckets of a due bucket."""
    return [-(1 + due_bucket * PARKING_BUCKETS + number) for number in range(PARKING_BUCKETS)]


def parked(task: Task, now: datetime) -> Task:
    """The waiting task, moved to the parking bucket of its type."""
    parking_bucket = parking_bucket_of(due_bucket_of(task.due_bucket), task.type)
    return replace(task, due_bucket=parking_bucket, due_at=task.due(now + PARKED_CHECK_INTERVAL))


def unparked(task: Task) -> Task:
    """The task, moved back to its own due bucket."""
    return replace(task, due_bucket=due_bucket_of(task.due_bucket))
