"""`python -m local`, which `make up` runs: the whole service on this machine until Ctrl-C."""

from __future__ import annotations

import signal
import sys
from importlib import import_module

if __name__ == "__main__":
    # The imports take half a second. Ctrl-C ends the process at once until there is something to stop.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.exit(import_module("local.supervisor").main())
