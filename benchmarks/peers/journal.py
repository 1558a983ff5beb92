"""When each task was submitted and done: all processes of a contender write lines of one file."""

from __future__ import annotations

import os
import time
from typing import Final, Literal

#: Lines are far below the size up to which an append is not torn apart.
_FILE: Final = os.open(os.environ["BENCH_JOURNAL"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)


def note(what: Literal["submitted", "done"], key: str, moment: float | None = None) -> None:
    """Write a line; `moment` is of this machine's monotonic clock, which all processes share (now)."""
    os.write(_FILE, f"{what} {key} {time.monotonic() if moment is None else moment}\n".encode())
