"""The emulator's process group: the server that leads it, and the functions that it runs."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable
from typing import Final

#: A server that is killed while it saves its state loses it, and saving takes long on a busy machine.
STOP_SECONDS: Final = 60.0


def stop_group(leader: int, has_ended: Callable[[], bool], patience_seconds: float = STOP_SECONDS) -> None:
    """End the group that process `leader` leads, politely until it `has_ended` or our patience does.

    The functions are asked as well, since one that calls a closing server keeps it from closing; and again
    and again, since a message or a lost connection may start another meanwhile.
    """
    deadline = time.monotonic() + patience_seconds
    with contextlib.suppress(ProcessLookupError):
        while not has_ended() and time.monotonic() < deadline:
            os.killpg(leader, signal.SIGTERM)
            _wait(has_ended, seconds=0.5)
        os.killpg(leader, signal.SIGKILL)


def _wait(has_ended: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not has_ended() and time.monotonic() < deadline:
        time.sleep(0.02)
