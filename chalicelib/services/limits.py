"""The limits of each owner: new tasks, unfinished tasks and connections.

A container takes several tokens from the owner's bucket at once and spends them locally for a short time: one
write for many requests, instead of one for each.
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

#: A container prefetches the tokens that the rate allows in this time, and drops unspent ones after a second.
PREFETCH = timedelta(milliseconds=100)
_PREFETCHED_FOR = timedelta(seconds=1)
#: The most owners for whom a container keeps tokens.
_MAX_OWNERS = 1000
#: The Retry-After for too many open tasks or connections: their end cannot be predicted.
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
    """The tokens that a container holds for an owner."""

    tokens: int
    until: datetime
    open_tasks: int  #: as counted from the stream, plus the tasks posted here since
    counted_until: datetime  #: until then this count may be ahead of the stream's, and the higher one holds


class Limits:
    """Admits or refuses new tasks and connections of owners."""

    def __init__(self, table: LimitTable, quota: Quota, clock: Callable[[], datetime]) -> None:
        self._table = table
        self._quota = quota
        self._clock = clock
        self._prefetched: dict[str, _Prefetched] = {}
        self._lock = Lock()

    def spend(self, owner: str, tasks: int) -> None:
        """Let the owner post `tasks`. Raises: TooMany."""
        now = self._clock()
        with self._lock:
            seen = self._prefetched.get(owner)
            in_use = seen is not None and seen.until > now
            if seen is not None and in_use and seen.tokens >= tasks:
                self._spend_local(seen, tasks)
                return
        # Outside the lock: no thread waits for another's request.
        taken, usage = self._take(owner, tasks, now, in_use=in_use)
        with self._lock:
            self._spend_local(self._refilled(owner, seen, taken, usage, now), tasks)

    @property
    def connections(self) -> int:
        """The most connections of an owner."""
        return self._quota.connections

    def connect(self, connections: int) -> None:
        """Let an owner who has `connections` open another one. Raises: TooMany."""
        if connections >= self._quota.connections:
            raise TooMany(
                f"There are {connections} connections; at most {self._quota.connections} may be open.",
                retry_after_seconds=_OPEN_RETRY_SECONDS,
                limit="connections",
                quota=self._quota.connections,
            )

    def _spend_local(self, prefetched: _Prefetched, tasks: int) -> None:
        if prefetched.open_tasks + tasks > self._quota.open_tasks:
            raise TooMany(
                f"There are about {prefetched.open_tasks} tasks that have not finished;"
                f" at most {self._quota.open_tasks} may be open.",
                retry_after_seconds=_OPEN_RETRY_SECONDS,
                limit="open-tasks",
                quota=self._quota.open_tasks,
            )
        prefetched.tokens -= tasks
        prefetched.open_tasks += tasks

    def _take(self, owner: str, tasks: int, now: datetime, *, in_use: bool) -> tuple[int, Usage]:
        """Take tokens from the owner's bucket: their number, and the bucket's usage. Raises: TooMany."""
        interval = timedelta(seconds=1 / self._quota.posts_per_second)
        depth = interval * self._quota.post_burst
        count = max(tasks, min(int(PREFETCH / interval), self._quota.post_burst // 20))
        granted, usage = self._table.take(owner, now, interval * count, depth, in_use=in_use)
        if not granted and count > tasks:
            count = tasks  # the last tokens of a bucket are not prefetched
            granted, usage = self._table.take(owner, now, interval * count, depth, in_use=True)
        if not granted:
            wait = usage.full_at + interval * tasks - now - depth
            raise TooMany(
                f"At most {self._quota.posts_per_second:g} tasks a second are accepted,"
                f" and {self._quota.post_burst} at once.",
                retry_after_seconds=wait.total_seconds(),
                limit="posts",
                quota=self._quota.post_burst,
            )
        return count, usage

    def _refilled(
        self, owner: str, seen: _Prefetched | None, taken: int, usage: Usage, now: datetime
    ) -> _Prefetched:
        """The owner's prefetched tokens, including those that other threads took since `seen`."""
        current = self._prefetched.get(owner)
        if len(self._prefetched) >= _MAX_OWNERS:
            self._prefetched.clear()
        open_tasks, counted_until = usage.open_tasks, now + _PREFETCHED_FOR
        if current is not None and current.counted_until > now:
            open_tasks, counted_until = max(open_tasks, current.open_tasks), current.counted_until
        tokens = taken if current is seen or current is None else taken + current.tokens
        refilled = _Prefetched(tokens, now + _PREFETCHED_FOR, open_tasks, counted_until)
        self._prefetched[owner] = refilled
        return refilled
