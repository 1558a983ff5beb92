"""What an answer's status means for the task that asked."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from chalicelib.domain.outcomes import NonRetryable, RetryAfter
from chalicelib.fetching.message import FetchError, Response

#: A server that asks for more is asked again after this.
RETRY_AFTER_LIMIT_SECONDS = 3600.0
_EXCERPT_CHARACTERS = 200
_SECONDS = re.compile(r"[0-9]{1,10}")


def expect_success(response: Response, now: datetime | None = None) -> None:
    """Let a 2xx answer pass.

    Raises: RetryAfter for 408, 429 and 5xx that say when to come back; FetchError for those that do not;
    NonRetryable for everything else, since the same request would be answered the same way.
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
    """The seconds to wait by the Retry-After header, a number or a date; None when it has neither."""
    text = response.headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(text):
        return min(float(text), RETRY_AFTER_LIMIT_SECONDS)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    # RFC 9110 dates are GMT; "-0000" is parsed as a time without a zone.
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(max((moment - now).total_seconds(), 0.0), RETRY_AFTER_LIMIT_SECONDS)
