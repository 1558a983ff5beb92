"""The durations on which the guarantees of the task protocol depend."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from chalicelib.domain.retry import RetryPolicy

#: For a wait up to this a worker keeps the queue message. After a longer one the sweep sends a new message:
#: a kept message counts as in flight, and SQS allows 120,000 of those.
KEEP_MESSAGE = timedelta(seconds=30)
#: The longest delay of an SQS message; the sweep sends the message of a later start.
SEND_AHEAD = timedelta(minutes=15)
#: The longest wait of a request for its task; API Gateway ends a request after 29 s.
PREFER_WAIT_LIMIT_SECONDS = 20
#: The longest wait for the start or the next attempt of a task. A row must be able to hold that moment.
DELAY_LIMIT = timedelta(days=366)
#: The wait before the message of a waiting task is sent again doubles from the first to the last.
RESEND_FIRST = timedelta(seconds=60)
RESEND_LAST = timedelta(minutes=15)
#: A task is stored at most this long after its id was made: no request of the API takes longer.
STORED_WITHIN = timedelta(seconds=30)


@dataclass(frozen=True, kw_only=True, slots=True)
class Timing:
    """Settings of the protocol, as durations."""

    grace: timedelta = timedelta(seconds=120)  #: when the sweep checks a task whose message may be lost
    lease_margin: timedelta = timedelta(seconds=15)  #: longer than the difference of any two clocks
    reserve: timedelta = timedelta(seconds=10)  #: the end of an invocation, kept for recording outcomes
    keep: timedelta = timedelta(days=30)  #: how long finished tasks are stored
    lookahead: timedelta = timedelta(seconds=120)  #: the sweep sends what starts within this
    sweep: timedelta = timedelta(seconds=50)  #: the longest duration of one sweep
    retry: RetryPolicy = field(default_factory=RetryPolicy)  #: the wait before the next attempt

    def deadline(self, now: datetime, timeout_seconds: float, ends_at: datetime) -> datetime:
        """The deadline of a run that starts or reports progress `now`."""
        return min(now + timedelta(seconds=timeout_seconds), ends_at - self.reserve)

    def wake_after(self, wait: timedelta, reach: timedelta) -> timedelta:
        """When the sweep must check a waiting task, relative to its `run_at`.

        A message covers a wait within `reach`: the sweep checks `grace` after it, in case the message is
        lost. No message covers a longer wait: the sweep checks early enough to send one with the exact delay.
        """
        return self.grace if wait <= reach else -self.lookahead

    @staticmethod
    def resend_after(waited: timedelta) -> timedelta:
        """The time until the next message for a task that has already `waited` this long."""
        return min(max(waited, RESEND_FIRST), RESEND_LAST)  # guard: send-again.wait-doubles
