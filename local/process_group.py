"""Stops the emulator's process group: the server, which leads it, and the functions that it runs."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable
from typing import Final

#: A server that is killed while it saves its state loses the state, and saving is slow on a busy machine.
STOP_SECONDS: Final = 60.0


def stop_group(leader: int, has_ended: Callable[[], bool], timeout_seconds: float = STOP_SECONDS) -> None:
    """Send SIGTERM to the group of process `leader` until it `has_ended` or the timeout, then SIGKILL.

    The signal goes to the functions, too: a function that calls a closing server would keep it open. It is
    repeated, because a message or a lost connection may start another function meanwhile.
    """
    deadline = time.monotonic() + timeout_seconds
    with contextlib.suppress(ProcessLookupError):
        while not has_ended() and time.monotonic() < deadline:
            os.killpg(leader, signal.SIGTERM)
            _wait(has_ended, seconds=0.5)
        os.killpg(leader, signal.SIGKILL)


def _wait(has_ended: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not has_ended() and time.monotonic() < deadline:
        time.sleep(0.02)
