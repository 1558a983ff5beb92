"""When a call is tried again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from task_service_client.errors import Refused, TaskServiceError, Unreachable


@dataclass(frozen=True, kw_only=True, slots=True)
class Retries:
    """How often a call is tried, and the waits between: random, up to base · 2ⁿ, or what Retry-After asks."""

    tries: int = 5
    base_seconds: float = 0.25
    cap_seconds: float = 8.0
    #: A service that asks for more than this is not waited for.
    longest_seconds: float = 60.0

    def wait(self, error: TaskServiceError, failures: int, *, repeatable: bool, draw: float) -> float | None:
        """Seconds until the next try after so many `failures`; None when there is none.

        `draw` is a random number from 0 to 1.
        """
        if failures >= self.tries or not _may_be_repeated(error, repeatable):
            return None
        asked = error.retry_after_seconds if isinstance(error, Refused) else None
        if asked is not None and asked > self.longest_seconds:
            return None
        return (asked or 0.0) + self.backoff(failures, draw)

    def backoff(self, failures: int, draw: float) -> float:
        """A random wait after so many failures in a row."""
        highest = self.base_seconds * float(2 ** min(failures, 30))
        return draw * min(self.cap_seconds, highest)


def _may_be_repeated(error: TaskServiceError, repeatable: bool) -> bool:
    """429 stores nothing, and a request that never left did nothing: these are safe for every call."""
    if isinstance(error, Unreachable):
        return repeatable or error.unsent
    if isinstance(error, Refused):
        return error.status == 429 or (repeatable and error.status >= 500)
    return False


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """The seconds that a Retry-After asks for, whether it is a number or a date; None without one."""
    text = headers.get("retry-after", "").strip()
    if text.isdecimal():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())
