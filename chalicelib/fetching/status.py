"""Maps a response's status to the outcome of a task."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from chalicelib.domain.outcomes import NonRetryable, RetryAfter
from chalicelib.fetching.message import FetchError, Response

#: A longer Retry-After is shortened to this.
RETRY_AFTER_LIMIT_SECONDS = 3600.0
_EXCERPT_CHARACTERS = 200
_SECONDS = re.compile(r"[0-9]{1,10}")


def expect_success(response: Response, now: datetime | None = None) -> None:
    """Return for a 2xx response.

    Raises: RetryAfter for 408, 429 and 5xx with a Retry-After header; FetchError for those without;
    NonRetryable for any other status, since the same request would get the same response.
    """
    if 200 <= response.status < 300:
        return
    excerpt = " ".join(response.text.split())[:_EXCERPT_CHARACTERS]
    message = f"answered {response.status}: {excerpt}" if excerpt else f"answered {response.status}"
    if response.status not in (408, 429) and response.status < 500:
        raise NonRetryable(message)
    wait = retry_after(response, now or datetime.now(UTC))
    if wait is not None:
        raise RetryAfter(wait, message)
    raise FetchError(message)


def retry_after(response: Response, now: datetime) -> float | None:
    """The seconds of the Retry-After header, which is a number or a date; None without a valid one."""
    text = response.headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(text):
        return min(float(text), RETRY_AFTER_LIMIT_SECONDS)
    from email.utils import parsedate_to_datetime  # noqa: PLC0415 - slow to import, and rarely needed

    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    # RFC 9110 dates are GMT; "-0000" is parsed as a time without a zone.
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(max((moment - now).total_seconds(), 0.0), RETRY_AFTER_LIMIT_SECONDS)
