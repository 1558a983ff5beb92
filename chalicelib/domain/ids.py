"""Task ids: UUIDv7 (RFC 9562), which sort by time of creation, with the row's partition in the last byte.

The rows of one owner are spread over partitions. The last byte of an id *is* the partition of its row, so
the id alone locates the row, and new ids may use more partitions without moving old rows.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

#: One byte of the id holds the partition.
MAX_BUCKETS = 256
_TASK_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_CORRELATION_ID = re.compile(r"[A-Za-z0-9._:/=+@-]{1,128}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def new_task_id(now: datetime, random_bits: int, buckets: int) -> str:
    """A UUIDv7 for the moment `now`, in one of the first `buckets` partitions.

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
    """Has `text` the form of a task id?"""
    return _TASK_ID.fullmatch(text) is not None


def is_correlation_id(text: object) -> bool:
    """Is `text` a valid correlation id, 1 to 128 characters of a safe set?"""
    return isinstance(text, str) and _CORRELATION_ID.fullmatch(text) is not None


def bucket_of(task_id: str) -> int:
    """The partition of the task's row."""
    return int(task_id[-2:], 16)


def due_bucket_of(task_id: str, buckets: int) -> int:
    """The due bucket of a new task, derived from other bits of its id."""
    return int(task_id[-4:-2], 16) % buckets


def earliest_id(moment: datetime) -> str:
    """The smallest possible id of a task created at `moment`."""
    return _spelled((max(0, _milliseconds(moment)) << 80) | (7 << 76) | (2 << 62))


def created_at(task_id: str) -> datetime:
    """The time of creation in the id."""
    return _EPOCH + timedelta(milliseconds=int(task_id[:8] + task_id[9:13], 16))


def _milliseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def _spelled(number: int) -> str:
    # Equals str(uuid.UUID(int=number)); importing uuid takes a tenth of a socket handler's cold start.
    digits = f"{number:032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
