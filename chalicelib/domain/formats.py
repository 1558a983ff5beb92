"""The text formats of values that leave the service: RFC 3339 times and compact JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any


def timestamp(moment: datetime | None) -> str | None:
    """`moment` in RFC 3339, in UTC, to the millisecond."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def to_json(value: Any) -> str:
    """Compact JSON text of `value`, always encodable as UTF-8.

    Raises: TypeError, ValueError or RecursionError when it is not JSON. NaN and infinities are not JSON.
    """
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    # Half of a surrogate pair is legal JSON only as an escape, and `backslashreplace` writes that escape.
    return text.encode("utf-8", "backslashreplace").decode()
