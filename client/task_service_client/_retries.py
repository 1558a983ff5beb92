"""Decides when a call is retried."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from task_service_client._errors import Refused, TaskServiceError, Unreachable


@dataclass(frozen=True, kw_only=True, slots=True)
class Retries:
    """The number of tries and the waits between them: Retry-After, plus a random time up to base · 2ⁿ."""

    tries: int = 5
    base_seconds: float = 0.25
    cap_seconds: float = 8.0
    #: A longer Retry-After ends the retries.
    longest_seconds: float = 60.0

    def wait(self, error: TaskServiceError, failures: int, *, repeatable: bool, draw: float) -> float | None:
        """Seconds until the next try after this number of `failures`; None if there is no further try.

        `draw` is a random number from 0 to 1.
        """
        if failures >= self.tries or not _may_be_repeated(error, repeatable):
            return None
        retry_after_seconds = (isinstance(error, Refused) and error.retry_after_seconds) or 0.0
        if retry_after_seconds > self.longest_seconds:
            return None
        return retry_after_seconds + self.backoff(failures, draw)

    def backoff(self, failures: int, draw: float) -> float:
        """A random wait in seconds after this number of consecutive failures."""
        highest = self.base_seconds * float(2 ** min(failures, 30))
        return draw * min(self.cap_seconds, highest)


def _may_be_repeated(error: TaskServiceError, repeatable: bool) -> bool:
    """After 429, and when the request was not sent, nothing was done: every call is safe to repeat."""
    if isinstance(error, Unreachable):
        return repeatable or error.unsent
    if isinstance(error, Refused):
        return error.status == 429 or (repeatable and error.status >= 500)
    return False


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """The seconds in a Retry-After header, which holds a number or a date; None without one."""
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
