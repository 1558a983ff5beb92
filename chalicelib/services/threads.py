"""Where work is done side by side; a simulation decides the order itself."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextvars import copy_context
from threading import Event, Thread

#: How long is left is looked at this often, since it may have grown.
_LOOK_SECONDS = 0.5


class Threads:
    """Threads of the operating system."""

    def pool(self, size: int, name: str) -> Executor:
        """An executor of at most `size` threads."""
        return ThreadPoolExecutor(size, thread_name_prefix=name)

    def beside(self, work: Callable[[], None], name: str, remaining: Callable[[], float]) -> bool:
        """Call `work` in a thread of its own; did it end before `remaining()` seconds were over?

        A thread cannot be stopped: one that did not end runs on.
        """
        done = Event()

        def call() -> None:
            work()
            done.set()

        context = copy_context()  # so that its log lines carry the ids that are bound here
        Thread(target=context.run, args=(call,), name=name, daemon=True).start()
        while not done.wait(min(remaining(), _LOOK_SECONDS)):
            if remaining() <= 0 and not done.is_set():
                return False
        return True


def end_process() -> None:
    """End this container at once, with every thread in it; Lambda starts a fresh one."""
    os._exit(1)
