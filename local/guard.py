"""MiniStack, ended together with the process that started it, however that one ends.

The starter holds the other end of standard input and never writes, so the end of the starter is the end of
the input. A closed terminal or a `kill -9` then leaves no server behind, and its state is saved all the same.
"""

from __future__ import annotations

import os
import sys
import threading

from ministack.app import main as serve

from local.process_group import stop_group

_STDIN = 0


def _end_with_starter() -> None:
    os.read(_STDIN, 1)
    stop_group(os.getpid(), has_ended=lambda: False)


if __name__ == "__main__":
    sys.argv[1:] = []
    threading.Thread(target=_end_with_starter, daemon=True).start()
    serve()
