"""A process that submits tasks as it is told to."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable

from benchmarks.peers.journal import note


def serve(submit: Callable[[int], Iterable[str]], at_once: int = 1) -> None:
    """Submit as many tasks as each line of standard input says, until it ends.

    `submit` creates that many in one call, `at_once` at most, and tells their keys.
    """
    for line in sys.stdin:
        count = int(line)
        for start in range(0, count, at_once):
            moment = time.monotonic()
            for key in submit(min(at_once, count - start)):
                note("submitted", key, moment)
