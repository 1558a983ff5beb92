"""The load of small and big stages, and the cost of a task there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from benchmarks.counts import MOST
from benchmarks.prices import Use

CHANGES: Final = 3  #: of a task that succeeds on its first attempt
#: Frames a second of one push_updates: 18,000 on a whole core, of which a function of 512 MB has 0.29.
POSTS_PER_SECOND: Final = 5000
BATCH_SECONDS: Final = 0.025  #: of push_updates for a batch without watchers
LOG_BYTES: Final = 350  #: of a line


@dataclass(frozen=True, kw_only=True)
class Load:
    """The load of a stage, and the size of its batches at that rate."""

    rate: int  #: tasks a second
    posted: int  #: tasks in a POST
    received: int  #: messages in an invocation of run_tasks
    streamed: int  #: changes in an invocation of push_updates
    watched: float  #: share of the changes that are watched
    rollup_units: float  #: write units a batch, of charts and open tasks


LOADS: Final = (
    Load(rate=10, posted=1, received=1, streamed=1, watched=1.0, rollup_units=5 / 3),
    Load(rate=1000, posted=1, received=10, streamed=30, watched=0.2, rollup_units=2),
    Load(rate=20_000, posted=100, received=10, streamed=100, watched=0.02, rollup_units=2),
)


def use(load: Load) -> Use:
    """The cost of one task, with its share of the requests that handle many."""
    posts, runs, batches = 1 / load.posted, 1 / load.received, CHANGES / load.streamed
    single = load.posted == 1
    frames = CHANGES * load.watched
    return Use(
        rest_requests=posts,
        lambda_requests=posts + runs + batches,
        gb_seconds=0.5 * posts * (0.03 if single else 0.3)
        + runs * 0.03
        + 0.5 * (batches * BATCH_SECONDS + frames / POSTS_PER_SECOND),
        sqs_requests=(1 if single else 0.1) + 2 * runs,
        write_units=MOST["single", "200 B"][1] + posts + load.rollup_units * batches,
        read_units=batches,
        socket_messages=frames,
        log_bytes=LOG_BYTES * (1 + CHANGES) + 300 * (posts + runs + batches),
    )
