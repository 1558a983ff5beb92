"""The settings as the durations of the domain."""

from __future__ import annotations

from datetime import timedelta

from chalicelib.domain.retry import RetryPolicy
from chalicelib.domain.timing import Timing
from chalicelib.settings import Settings


def timing_of(settings: Settings) -> Timing:
    """The durations and the retry policy of the settings."""
    return Timing(
        grace=timedelta(seconds=settings.grace_seconds),
        lease_margin=timedelta(seconds=settings.lease_margin_seconds),
        reserve=timedelta(seconds=settings.reserve_seconds),
        keep=timedelta(days=settings.retention_days),
        lookahead=timedelta(seconds=settings.lookahead_seconds),
        sweep=timedelta(seconds=settings.sweep_seconds),
        retry=RetryPolicy(
            base_seconds=settings.backoff_base_seconds, cap_seconds=settings.backoff_cap_seconds
        ),
    )
