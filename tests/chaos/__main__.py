"""`make chaos` and `make soak`: the promises on the emulated AWS, while things break, and for a long time.

python -m tests.chaos                 # chaos, then 500 clients at once; SEED=7 draws the same run
python -m tests.chaos chaos           # one of the two; TASKS=500 for less, MINUTES=20 on a busy machine
python -m tests.chaos crowd
python -m tests.chaos soak 30         # steady load for 30 minutes
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from tests.chaos import crowd, run, soak
from tests.chaos.stage import ChaosError, Stage

#: Of a run's time, kept for the crowd, and for bringing two stages up.
_CROWD_SECONDS: Final = 150.0


def main(arguments: list[str]) -> int:
    """0 when every promise was kept, 1 when one was broken, 2 when the run itself could not go on."""
    seed = int(os.environ.get("SEED") or time.time_ns() % 10**6)
    tasks = int(os.environ.get("TASKS") or 5000)
    minutes = float(os.environ.get("MINUTES") or 10)
    what = arguments[0] if arguments else ""
    print(f"SEED={seed}", flush=True)
    broken = 0
    try:
        if what in ("", "chaos"):
            seconds = 60 * minutes - _CROWD_SECONDS
            broken += _on_a_stage(run.ENVIRONMENT, lambda stage: run.chaos(stage, seed, tasks, seconds))
        if what in ("", "crowd"):
            broken += _on_a_stage(crowd.ENVIRONMENT, crowd.crowd)
        if what == "soak":
            broken += _on_a_stage({}, lambda stage: soak.soak(stage, seed, float(arguments[1])))
    except ChaosError as error:
        print(error, file=sys.stderr)
        return 2
    return 1 if broken else 0


def _on_a_stage(environment: Mapping[str, str], measure: Callable[[Stage], int]) -> int:
    with (
        tempfile.TemporaryDirectory(prefix="task-service-") as home,
        Stage(Path(home), **environment) as stage,
    ):
        return measure(stage)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
