"""The settings in the domain's words."""

from __future__ import annotations

from datetime import timedelta

from chalicelib.domain.retry import RetryPolicy
from chalicelib.domain.timing import Timing
from chalicelib.services.limits import Quota
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


def quota_of(settings: Settings) -> Quota:
    """How much one owner may ask for."""
    return Quota(
        posts_per_second=settings.posts_per_second,
        post_burst=settings.post_burst,
        open_tasks=settings.open_tasks,
        connections=settings.connections,
    )
