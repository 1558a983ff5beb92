"""The runtime of the services: clock, sleep, random numbers, threads and the end of the process."""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property

from chalicelib.services.threads import Threads, exit_process

#: Threads that may call AWS at once.
AWS_THREADS = 32


def utc_now() -> datetime:
    """The current time, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """The real runtime by default. Tests pass their own clock, the simulation also its own threads."""

    clock: Callable[[], datetime] = utc_now
    sleep: Callable[[float], None] = time.sleep
    random: Callable[[], float] = random.random  #: from 0 to 1, for jitter
    random_bits: Callable[[int], int] = secrets.randbits  #: for ids
    threads: Threads = field(default_factory=Threads)
    exit_process: Callable[[], None] = exit_process  #: ends this container at once

    @cached_property
    def aws_threads(self) -> Executor:
        """The threads that call AWS, shared by all services of a container."""
        return self.threads.pool(AWS_THREADS, "aws")
