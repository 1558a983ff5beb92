"""Runs jobs in threads. The simulation has its own implementation, which decides their order."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from queue import Empty, SimpleQueue
from threading import Event, Thread

#: The remaining time of the jobs is checked this often, since it may have grown.
_CHECK_SECONDS = 0.5
#: Jobs that end within this of each other are yielded together.
GATHER_SECONDS = 0.005


@dataclass(frozen=True, slots=True)
class Job:
    """Work for a thread of its own."""

    work: Callable[[], None]
    name: str
    remaining: Callable[[], float]  #: the seconds until it times out


class Threads:
    """Threads of the operating system."""

    def __init__(self, gather_seconds: float = GATHER_SECONDS) -> None:
        self._gather_seconds = gather_seconds

    def pool(self, size: int, name: str) -> Executor:
        """An executor of at most `size` threads."""
        return ThreadPoolExecutor(size, thread_name_prefix=name)

    def run(
        self, jobs: Sequence[Job], *, grace_seconds: float, end: Callable[[], None]
    ) -> Iterator[list[int]]:
        """Run `jobs` side by side. Yields the indices of jobs as they end or time out.

        A thread cannot be stopped: a job that timed out runs on. The caller may take long between two yields;
        if a job exceeds its time by `grace_seconds` meanwhile, `end` is called.
        """
        ended: SimpleQueue[int] = SimpleQueue()
        running = set(range(len(jobs)))

        def call(index: int) -> None:
            try:
                jobs[index].work()
            finally:
                running.discard(index)
                ended.put(index)

        for index, job in enumerate(jobs):
            Thread(target=partial(call, index), name=job.name, daemon=True).start()
        waiting = set(range(len(jobs)))
        while waiting:
            left = min(jobs[index].remaining() for index in waiting)
            finished = self._gather(ended, waiting, min(max(left, 0), _CHECK_SECONDS))
            finished |= {index for index in waiting if jobs[index].remaining() <= 0}
            waiting -= finished
            if finished:
                with _watched(lambda: [jobs[index] for index in running.copy()], grace_seconds, end):
                    yield sorted(finished)

    def _gather(self, ended: SimpleQueue[int], waiting: set[int], seconds: float) -> set[int]:
        """Those of `waiting` that ended: the first within `seconds`, and others right after it."""
        finished: set[int] = set()
        try:
            while finished != waiting:
                index = ended.get(timeout=self._gather_seconds if finished else seconds)
                finished |= {index} & waiting  # a job that timed out before may still end
        except Empty:
            return finished
        return finished


@contextmanager
def _watched(
    running: Callable[[], Sequence[Job]], grace_seconds: float, end: Callable[[], None]
) -> Iterator[None]:
    over = Event()

    def watch() -> None:
        while not over.wait(_CHECK_SECONDS):
            # guard: run.watched-while-recording
            if any(job.remaining() <= -grace_seconds for job in running()):
                end()
                return

    if running():
        Thread(target=watch, name="watch", daemon=True).start()
    try:
        yield
    finally:
        over.set()


def exit_process() -> None:
    """End this container at once, with all its threads. Lambda starts a new one."""
    os._exit(1)
