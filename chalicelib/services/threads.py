"""Where work is done side by side; a simulation decides the order itself."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from queue import Empty, SimpleQueue
from threading import Event, Thread

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

    def beside(
        self, jobs: Sequence[Job], *, grace_seconds: float, end: Callable[[], None]
    ) -> Iterator[list[int]]:
        """Do `jobs` side by side; tells the indices of those that ended, or whose time is over, as they do.

        A thread cannot be stopped: a job whose time is over runs on. Whoever is told may take long to deal
        with it; when a job runs `grace_seconds` past its time meanwhile, `end` is called.
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
            found = self._gather(ended, waiting, min(max(left, 0), _LOOK_SECONDS))
            found |= {index for index in waiting if jobs[index].remaining() <= 0}
            waiting -= found
            if found:
                with _watched(lambda: [jobs[index] for index in running.copy()], grace_seconds, end):
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


@contextmanager
def _watched(
    running: Callable[[], Sequence[Job]], grace_seconds: float, end: Callable[[], None]
) -> Iterator[None]:
    over = Event()

    def watch() -> None:
        while not over.wait(_LOOK_SECONDS):
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
    """End this container at once, with every thread in it; Lambda starts a fresh one."""
    os._exit(1)
