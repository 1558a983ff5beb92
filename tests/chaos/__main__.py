"""`make chaos` and `make soak`: the promises on the emulated AWS, while things break, and for a long time.

python -m tests.chaos                 # chaos, then 500 clients at once; SEED=7 draws the same run
python -m tests.chaos chaos           # one of the two; TASKS=500 for a short one
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

from tests.chaos import crowd, run, soak
from tests.chaos.stage import ChaosError, Stage


def main(arguments: list[str]) -> int:
    """0 when every promise was kept, 1 when one was broken, 2 when the run itself could not go on."""
    seed = int(os.environ.get("SEED") or time.time_ns() % 10**6)
    tasks = int(os.environ.get("TASKS") or 5000)
    what, minutes = arguments[0] if arguments else "", float(arguments[1]) if len(arguments) > 1 else 30
    print(f"SEED={seed}", flush=True)
    broken = 0
    try:
        if what in ("", "chaos"):
            broken += _on_a_stage(run.ENVIRONMENT, lambda stage: run.chaos(stage, seed, tasks))
        if what in ("", "crowd"):
            broken += _on_a_stage(crowd.ENVIRONMENT, crowd.crowd)
        if what == "soak":
            broken += _on_a_stage({}, lambda stage: soak.soak(stage, seed, minutes))
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
