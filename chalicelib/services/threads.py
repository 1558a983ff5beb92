"""Where work is done side by side; a simulation decides the order itself."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from queue import Empty, SimpleQueue
from threading import Thread

#: How long is left is looked at this often, since it may have grown.
_LOOK_SECONDS = 0.5
#: Jobs that end within this of each other are told together.
GATHER_SECONDS = 0.005


@dataclass(frozen=True, slots=True)
class Job:
    """Something to do in a thread of its own."""

    work: Callable[[], None]
    name: str
    remaining: Callable[[], float]  #: seconds until it is no longer waited for


class Threads:
    """Threads of the operating system."""

    def __init__(self, gather_seconds: float = GATHER_SECONDS) -> None:
        self._gather_seconds = gather_seconds

    def pool(self, size: int, name: str) -> Executor:
        """An executor of at most `size` threads."""
        return ThreadPoolExecutor(size, thread_name_prefix=name)

    def beside(self, jobs: Sequence[Job]) -> Iterator[list[int]]:
        """Do `jobs` side by side; tells the indices of those that ended, or whose time is over, as they do.

        A thread cannot be stopped: a job whose time is over runs on.
        """
        ended: SimpleQueue[int] = SimpleQueue()

        def call(index: int) -> None:
            try:
                jobs[index].work()
            finally:
                ended.put(index)

        for index, job in enumerate(jobs):
            Thread(target=partial(call, index), name=job.name, daemon=True).start()
        waiting = set(range(len(jobs)))
        while waiting:
            left = min(jobs[index].remaining() for index in waiting)
            found = self._gather(ended, waiting, min(max(left, 0), _LOOK_SECONDS))
            found |= {index for index in waiting if jobs[index].remaining() <= 0}
            waiting -= found
            if found:
                yield sorted(found)

    def _gather(self, ended: SimpleQueue[int], waiting: set[int], seconds: float) -> set[int]:
        """Which of `waiting` ended: the first within `seconds`, and what ends right after it."""
        found: set[int] = set()
        try:
            while found != waiting:
                index = ended.get(timeout=self._gather_seconds if found else seconds)
                found |= {index} & waiting  # one that was given up may end all the same
        except Empty:
            return found
        return found


def end_process() -> None:
    """End this container at once, with every thread in it; Lambda starts a fresh one."""
    os._exit(1)
