"""How values are written wherever they leave the service: times as RFC 3339, JSON without spaces."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any


def timestamp(moment: datetime | None) -> str | None:
    """RFC 3339 in UTC, to the millisecond."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def to_json(value: Any) -> str:
    """Compact JSON text of `value`, always encodable as UTF-8.

    Raises: TypeError, ValueError or RecursionError when it is not JSON (NaN and infinities are not).
    """
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    # Half a surrogate pair is legal JSON, but only as an escape, which is what Python writes for it here.
    return text.encode("utf-8", "backslashreplace").decode()
