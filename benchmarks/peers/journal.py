"""The moments at which tasks were submitted and done: all processes of a contender append to one file."""

from __future__ import annotations

import os
import time
from typing import Final, Literal

#: Lines are far below the size up to which an append is atomic.
_FILE: Final = os.open(os.environ["BENCH_JOURNAL"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)


def record(event: Literal["submitted", "done"], key: str, moment: float | None = None) -> None:
    """Append a line. `moment` is of the monotonic clock, which all processes share; the default is now."""
    os.write(_FILE, f"{event} {key} {time.monotonic() if moment is None else moment}\n".encode())
