"""`make chaos` and `make soak`: the promises on the emulated AWS, while things break, and for a long time.

python -m tests.chaos                 # chaos, then 500 clients at once; SEED=7 draws the same run
python -m tests.chaos soak 30         # steady load for 30 minutes
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

from tests.chaos import run
from tests.chaos.stage import ChaosError, Stage


def main(arguments: list[str]) -> int:
    """0 when every promise was kept, 1 when one was broken, 2 when the run itself could not go on."""
    seed = int(os.environ.get("SEED") or time.time_ns() % 10**6)
    tasks = int(os.environ.get("TASKS") or 5000)
    print(f"SEED={seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="task-service-") as home:
        try:
            with Stage(Path(home), **run.ENVIRONMENT) as stage:
                return 1 if run.chaos(stage, seed, tasks) else 0
        except ChaosError as error:
            print(error, file=sys.stderr)
            return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
