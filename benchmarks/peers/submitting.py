"""A process that submits tasks on request."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable

from benchmarks.peers.journal import record


def serve(submit: Callable[[int], Iterable[str]], at_once: int = 1) -> None:
    """For each number on a line of standard input, submit that many tasks.

    `submit` creates at most `at_once` in one call, and returns their keys.
    """
    for line in sys.stdin:
        count = int(line)
        for start in range(0, count, at_once):
            moment = time.monotonic()
            for key in submit(min(at_once, count - start)):
                record("submitted", key, moment)
