"""The wait before a failed task is tried again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class RetryPolicy:
    """Exponential backoff with full jitter.

    The wait after attempt n is a uniform random number from 0 to `min(cap, base * 2**(n-1))` seconds. Jitter
    spreads retries of tasks that failed together (AWS Architecture Blog, "Exponential Backoff And Jitter").
    """

    base_seconds: float = 1.0
    cap_seconds: float = 300.0

    def backoff(self, attempt: int, draw: Callable[[], float]) -> float:
        """The seconds to wait after a failed `attempt`, counted from 1; `draw` returns a number in [0, 1)."""
        if attempt < 1:
            raise ValueError(f"attempt={attempt}: attempts are counted from 1")
        doublings = min(attempt - 1, 62)  # more would overflow a float
        return float(min(self.cap_seconds, self.base_seconds * 2**doublings) * draw())
