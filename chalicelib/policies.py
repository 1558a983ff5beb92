"""The settings in the domain's words."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from chalicelib.domain.retry import RetryPolicy
from chalicelib.domain.timing import Timing

if TYPE_CHECKING:
    from chalicelib.settings import Settings


def timing_of(settings: Settings) -> Timing:
    """How long things may take."""
    return Timing(
        grace=timedelta(seconds=settings.grace_seconds),
        lease_margin=timedelta(seconds=settings.lease_margin_seconds),
        reserve=timedelta(seconds=settings.reserve_seconds),
        keep=timedelta(days=settings.retention_days),
        lookahead=timedelta(seconds=settings.lookahead_seconds),
        sweep=timedelta(seconds=settings.sweep_seconds),
    )


def retry_of(settings: Settings) -> RetryPolicy:
    """How long to wait before another attempt."""
    return RetryPolicy(base_seconds=settings.backoff_base_seconds, cap_seconds=settings.backoff_cap_seconds)
