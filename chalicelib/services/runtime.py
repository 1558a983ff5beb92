"""The runtime of the services: clock, sleep, random numbers, threads and the end of the process."""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Callable
from concurrent.futures import Executor
from datetime import UTC, datetime
from functools import cached_property

from chalicelib.services.threads import Threads, exit_process

#: Threads that may call AWS at once.
AWS_THREADS = 32


def utc_now() -> datetime:
    """The current time, in UTC."""
    return datetime.now(UTC)


class Runtime:
    """The real runtime by default. Tests pass their own clock, the simulation also its own threads."""

    # No dataclass: every function pays for this class at its cold start.
    def __init__(
        self,
        *,
        clock: Callable[[], datetime] = utc_now,
        sleep: Callable[[float], None] = time.sleep,
        random: Callable[[], float] = random.random,
        random_bits: Callable[[int], int] = secrets.randbits,
        threads: Threads | None = None,
        exit_process: Callable[[], None] = exit_process,
    ) -> None:
        """`random` returns numbers in [0, 1), for jitter; `exit_process` ends this container at once."""
        self.clock = clock
        self.sleep = sleep
        self.random = random
        self.random_bits = random_bits
        self.threads = threads or Threads()
        self.exit_process = exit_process

    @cached_property
    def aws_threads(self) -> Executor:
        """The threads that call AWS, shared by all services of a container."""
        return self.threads.pool(AWS_THREADS, "aws")
