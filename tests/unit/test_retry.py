"""The wait before a retry."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.retry import RetryPolicy

ALMOST_ONE = 1 - 2**-53


class TestBackoff:
    @pytest.mark.parametrize(
        ("attempt", "longest"),
        [(1, 1), (2, 2), (3, 4), (4, 8), (5, 16), (8, 128), (9, 256), (10, 300), (25, 300), (10**6, 300)],
    )
    def test_the_longest_wait_doubles_up_to_the_cap(self, attempt: int, longest: float) -> None:
        assert RetryPolicy().backoff(attempt, lambda: ALMOST_ONE) == pytest.approx(longest)

    @pytest.mark.parametrize("draw", [0.0, 0.25, 0.5, ALMOST_ONE])
    def test_the_wait_is_drawn_from_the_whole_range(self, draw: float) -> None:
        """Full jitter: tasks that failed together are not retried together."""
        assert RetryPolicy().backoff(3, lambda: draw) == 4 * draw

    @pytest.mark.parametrize(
        ("base", "cap", "attempt", "wait"), [(2, 100, 1, 2), (2, 100, 4, 16), (0.5, 1, 9, 1), (10, 5, 1, 5)]
    )
    def test_base_and_cap_are_settings(self, base: float, cap: float, attempt: int, wait: float) -> None:
        policy = RetryPolicy(base_seconds=base, cap_seconds=cap)
        assert policy.backoff(attempt, lambda: 1.0) == wait

    @pytest.mark.parametrize("attempt", [0, -1])
    def test_attempts_are_counted_from_1(self, attempt: int) -> None:
        with pytest.raises(ValueError, match="counted from 1"):
            RetryPolicy().backoff(attempt, lambda: 0.5)

    @given(st.integers(1, 10**9), st.floats(0, 1, exclude_max=True))
    def test_no_wait_is_negative_or_over_the_cap(self, attempt: int, draw: float) -> None:
        assert 0 <= RetryPolicy().backoff(attempt, lambda: draw) <= 300
