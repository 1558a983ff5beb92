"""Task ids: UUIDv7 (RFC 9562), so that they sort by time of creation, with a partition in their last byte.

The rows of one owner are spread over partitions, and a row is found from its id alone: the last byte of
the id *is* its partition. New ids may use more partitions than old ones without moving a row.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

#: More than this many partitions do not fit the last byte.
MAX_BUCKETS = 256
_TASK_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_CORRELATION_ID = re.compile(r"[A-Za-z0-9._:/=+@-]{1,128}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def new_task_id(now: datetime, random_bits: int, buckets: int) -> str:
    """A UUIDv7 of the moment `now`, in one of the first `buckets` partitions.

    `random_bits` holds 74 random bits. RFC 9562, section 5.7: 48 bits of milliseconds, version, 12 random
    bits, variant, 62 random bits.
    """
    if not 1 <= buckets <= MAX_BUCKETS:
        raise ValueError(f"buckets={buckets}: from 1 to {MAX_BUCKETS}")
    bucket = (random_bits & 0xFF) % buckets
    rand_b = (random_bits & 0x3FFFFFFFFFFFFF00) | bucket
    rand_a = (random_bits >> 62) & 0xFFF
    return _spelled((_milliseconds(now) << 80) | (7 << 76) | (rand_a << 64) | (2 << 62) | rand_b)


def is_task_id(text: str) -> bool:
    """Could `text` be the id of a task of this service?"""
    return _TASK_ID.fullmatch(text) is not None


def is_correlation_id(text: object) -> bool:
    """Is it text that may follow a task through every log?"""
    return isinstance(text, str) and _CORRELATION_ID.fullmatch(text) is not None


def bucket_of(task_id: str) -> int:
    """The partition that the task's row lies in."""
    return int(task_id[-2:], 16)


def due_bucket_of(task_id: str, buckets: int) -> int:
    """The partition of the due index for a new task: taken from other bits of its id."""
    return int(task_id[-4:-2], 16) % buckets


def earliest_id(moment: datetime) -> str:
    """The smallest id that a task created at `moment` can have."""
    return _spelled((max(0, _milliseconds(moment)) << 80) | (7 << 76) | (2 << 62))


def created_at(task_id: str) -> datetime:
    """The moment in the id."""
    return _EPOCH + timedelta(milliseconds=int(task_id[:8] + task_id[9:13], 16))


def _milliseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def _spelled(number: int) -> str:
    # As str(uuid.UUID(int=number)) does: that module takes as long to import as a tenth of a socket handler.
    digits = f"{number:032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
