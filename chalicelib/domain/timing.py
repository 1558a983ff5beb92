"""The durations that the protocol's promises rest on."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from chalicelib.domain.retry import RetryPolicy

#: A wait up to this keeps its queue message; a longer one is acked and left to the sweep, because a kept
#: message counts as in flight and SQS allows 120,000 of those.
KEEP_MESSAGE = timedelta(seconds=30)
#: SQS delays a message by at most this; a later start is left to the sweep.
SEND_AHEAD = timedelta(minutes=15)
#: No request waits longer for a task: API Gateway gives up after 29 s.
LONGEST_WAIT_SECONDS = 20
#: The time until a waiting task is sent again doubles from the one to the other.
RESEND_FIRST = timedelta(seconds=60)
RESEND_LAST = timedelta(minutes=15)
#: A task is stored at most this long after its id was made: no request of the API lives longer.
STORED_WITHIN = timedelta(seconds=30)


@dataclass(frozen=True, kw_only=True, slots=True)
class Timing:
    """Settings of the protocol, as durations."""

    grace: timedelta = timedelta(seconds=120)  #: a task whose message is lost is looked at after this
    lease_margin: timedelta = timedelta(seconds=15)  #: more than any two clocks differ
    reserve: timedelta = timedelta(seconds=10)  #: of an invocation's time, kept for recording outcomes
    keep: timedelta = timedelta(days=30)  #: for finished tasks
    lookahead: timedelta = timedelta(seconds=120)  #: what starts within this is sent by the sweep
    sweep: timedelta = timedelta(seconds=50)  #: one sweep ends after this
    retry: RetryPolicy = field(default_factory=RetryPolicy)  #: the wait before another attempt

    def deadline(self, now: datetime, timeout_seconds: float, ends_at: datetime) -> datetime:
        """When a run that starts or reports progress `now` must have stopped."""
        return min(now + timedelta(seconds=timeout_seconds), ends_at - self.reserve)

    def wake_after(self, wait: timedelta, reach: timedelta) -> timedelta:
        """When the sweep must look at a task that waits, counted from its `run_at`.

        A wait within `reach` has a message that wakes it; the sweep looks `grace` later, in case it is lost.
        A longer one has none: the sweep looks early enough to send it with an exact delay.
        """
        return self.grace if wait <= reach else -self.lookahead

    @staticmethod
    def resend_after(waited: timedelta) -> timedelta:
        """How long until a task that has waited this long is sent once more."""
        return min(max(waited, RESEND_FIRST), RESEND_LAST)  # guard: send-again.wait-doubles
