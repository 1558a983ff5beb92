"""How much one owner may ask for.

A container takes tokens from the owner's bucket by the handful, and spends them on its own for a moment:
one write for many requests, instead of one for each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING

from chalicelib.domain.errors import TooMany

if TYPE_CHECKING:
    from chalicelib.aws.dynamodb.limit_table import LimitTable, Usage

#: A handful is what the rate allows in this time, and is forgotten when it was not spent in a second.
PREFETCH = timedelta(milliseconds=100)
_HELD = timedelta(seconds=1)
#: Owners that a container remembers.
_OWNERS = 1000
#: When to try again, when there are too many open tasks: nobody knows when they end.
_OPEN_RETRY_SECONDS = 5.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Quota:
    """The limits of each owner."""

    posts_per_second: float
    post_burst: int
    open_tasks: int
    connections: int


@dataclass(slots=True)
class _Prefetched:
    """Tokens that a container holds for an owner."""

    tokens: int
    until: datetime
    open_tasks: int  #: as the stream handler counted, and what was posted here since
    counted_until: datetime  #: until then its count is behind ours, afterwards ours is out of date


class Limits:
    """Says whether an owner may go on."""

    def __init__(self, table: LimitTable, quota: Quota, clock: Callable[[], datetime]) -> None:
        self._table = table
        self._quota = quota
        self._clock = clock
        self._hands: dict[str, _Prefetched] = {}
        self._lock = Lock()

    def spend(self, owner: str, tasks: int) -> None:
        """Let the owner post `tasks`. Raises: TooMany."""
        now = self._clock()
        with self._lock:
            held = self._hands.get(owner)
            if held is not None and held.until > now and held.tokens >= tasks:
                self._spend_local(held, tasks)
                return
        in_use = held is not None and held.until > now
        taken, usage = self._take(
            owner, tasks, now, in_use=in_use
        )  # without the lock: nobody waits for another's request
        with self._lock:
            self._spend_local(self._held(owner, held, taken, usage, now), tasks)

    @property
    def connections(self) -> int:
        """How many connections an owner may have."""
        return self._quota.connections

    def connect(self, connections: int) -> None:
        """Let an owner with so many `connections` open one more. Raises: TooMany."""
        if connections >= self._quota.connections:
            raise TooMany(
                f"There are {connections} connections; at most {self._quota.connections} may be open.",
                retry_after_seconds=_OPEN_RETRY_SECONDS,
                limit="connections",
                quota=self._quota.connections,
            )

    def _spend_local(self, hand: _Prefetched, tasks: int) -> None:
        if hand.open_tasks + tasks > self._quota.open_tasks:
            raise TooMany(
                f"There are about {hand.open_tasks} tasks that have not finished;"
                f" at most {self._quota.open_tasks} may be open.",
                retry_after_seconds=_OPEN_RETRY_SECONDS,
                limit="open-tasks",
                quota=self._quota.open_tasks,
            )
        hand.tokens -= tasks
        hand.open_tasks += tasks

    def _take(self, owner: str, tasks: int, now: datetime, *, in_use: bool) -> tuple[int, Usage]:
        """Take tokens out of the owner's bucket: how many, and what is known of it. Raises: TooMany."""
        interval = timedelta(seconds=1 / self._quota.posts_per_second)
        depth = interval * self._quota.post_burst
        handful = max(tasks, min(int(PREFETCH / interval), self._quota.post_burst // 20))
        granted, usage = self._table.take(owner, now, interval * handful, depth, in_use=in_use)
        if not granted and handful > tasks:
            handful = tasks  # the last tokens of a bucket are given out one by one
            granted, usage = self._table.take(owner, now, interval * handful, depth, in_use=True)
        if not granted:
            wait = usage.full_at + interval * tasks - now - depth
            raise TooMany(
                f"At most {self._quota.posts_per_second:g} tasks a second are taken,"
                f" and {self._quota.post_burst} at once.",
                retry_after_seconds=wait.total_seconds(),
                limit="posts",
                quota=self._quota.post_burst,
            )
        return handful, usage

    def _held(
        self, owner: str, seen: _Prefetched | None, taken: int, usage: Usage, now: datetime
    ) -> _Prefetched:
        """The owner's new hand; what other threads took since `seen` is in it."""
        held = self._hands.get(owner)
        if len(self._hands) >= _OWNERS:
            self._hands.clear()
        open_tasks, counted_until = usage.open_tasks, now + _HELD
        if held is not None and held.counted_until > now:
            open_tasks, counted_until = max(open_tasks, held.open_tasks), held.counted_until
        tokens = taken if held is seen or held is None else taken + held.tokens
        hand = self._hands[owner] = _Prefetched(tokens, now + _HELD, open_tasks, counted_until)
        return hand
