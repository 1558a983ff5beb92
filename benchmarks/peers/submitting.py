"""A process that submits tasks as it is told to."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable

from benchmarks.peers.journal import note


def serve(submit: Callable[[int], Iterable[str]], at_once: int = 1) -> None:
    """Obey the lines of standard input, until it ends: how many tasks, and the seconds between them.

    `submit` creates that many tasks in one call, `at_once` at most, and tells their keys.
    """
    for line in sys.stdin:
        count, pause = line.split()
        for start in range(0, int(count), at_once):
            moment = time.monotonic()
            for key in submit(min(at_once, int(count) - start)):
                note("submitted", key, moment)
            if float(pause):
                time.sleep(float(pause))
