"""`make chaos` and `make soak`: check the promises on the emulated AWS, with faults and under long load.

python -m tests.chaos                 # chaos, then 500 clients at once; SEED=7 repeats a run
python -m tests.chaos chaos           # one of the two; TASKS=500 for less, MINUTES=20 on a busy machine
python -m tests.chaos watchers
python -m tests.chaos soak 30         # steady load for 30 minutes
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Final

from tests.chaos import many_watchers, run, soak
from tests.chaos.report import Report
from tests.chaos.stage import ChaosError, Stage

#: The part of a run's time for the 500 clients and for bringing two stages up.
_WATCHERS_SECONDS: Final = 150.0


def main(arguments: list[str]) -> int:
    """Returns 0 if every promise was kept, 1 if one was broken, 2 if the run could not finish."""
    seed = int(os.environ.get("SEED") or time.time_ns() % 10**6)
    tasks = int(os.environ.get("TASKS") or 5000)
    what = arguments[0] if arguments else ""
    minutes = float(os.environ.get("MINUTES") or (arguments[1] if what == "soak" else 10))
    print(f"SEED={seed}", flush=True)
    broken = 0
    try:
        if what in ("", "chaos"):
            chaos = partial(run.chaos, seed=seed, count=tasks, seconds=60 * minutes - _WATCHERS_SECONDS)
            broken += _on_a_stage(run.ENVIRONMENT, chaos, Report("chaos", f"SEED={seed}"))
        if what in ("", "watchers"):
            broken += _on_a_stage(many_watchers.ENVIRONMENT, many_watchers.measure, Report("watchers"))
        if what == "soak":
            broken += _on_a_stage({}, partial(soak.soak, seed=seed, minutes=minutes), Report("soak"))
    except ChaosError as error:
        print(error, file=sys.stderr)
        return 2
    return 1 if broken else 0


def _on_a_stage(
    environment: Mapping[str, str], measure: Callable[[Stage, Report], int], report: Report
) -> int:
    with (
        tempfile.TemporaryDirectory(prefix="task-service-") as home,
        Stage(Path(home), **environment) as stage,
    ):
        broken = measure(stage, report)
    report.save()
    return broken


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
