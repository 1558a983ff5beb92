"""At most one local stage in a checkout at a time.

`python -m local.single_instance` fails while a local stage runs. `make clean` calls it before it deletes the
stage's data. The module needs the standard library only.
"""

from __future__ import annotations

import contextlib
import fcntl
import sys
from collections.abc import Iterator
from pathlib import Path

from local import LocalStageError


@contextlib.contextmanager
def single_instance(home: Path) -> Iterator[None]:
    """Hold the checkout's lock. The system releases it when the process ends, however it ends.

    Raises: LocalStageError when another process holds it.
    """
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LocalStageError(
                "The local stage of this checkout is running already, perhaps in another terminal.\n"
                f"Once it is ready, its addresses are in {home / 'endpoints.json'}"
            ) from None
        yield


def _main(home: Path) -> int:
    try:
        with single_instance(home):
            return 0
    except LocalStageError as error:
        print(f"{error}\nStop it first (Ctrl-C): its data would be deleted.", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(_main(Path(".local")))
