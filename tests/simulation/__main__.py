"""Simulate at length, or replay one run.

python -m tests.simulation all [--minutes 12]            a crash at each call, random faults, other faults
python -m tests.simulation points [NAME ...]             each fault at each call of these scenarios
python -m tests.simulation random FIRST COUNT            random faults, by seed
python -m tests.simulation list                          writes the scenarios into docs/reports/simulation.md
python -m tests.simulation replay NAME SEED [POINT ...]  one run, with a trace of its events
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from itertools import chain

for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
    os.environ[name] = "test"
os.environ["AWS_DEFAULT_REGION"] = "us-east-1"
for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "STAGE"):
    os.environ.pop(name, None)

from tests.simulation import runs  # noqa: E402 - the environment comes first
from tests.simulation.parallel_runs import Job, points_of, random_jobs, simulate  # noqa: E402
from tests.simulation.plans import Point  # noqa: E402
from tests.simulation.scenarios import RANDOM, SCENARIOS  # noqa: E402
from tests.simulation.world import stage  # noqa: E402
from tests.support.reports import write_section  # noqa: E402


def main() -> int:
    """Run the command line. Returns 1 when a promise was broken."""
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=formatter)
    parser.add_argument("mode", choices=("all", "points", "random", "list", "replay"))
    parser.add_argument("arguments", nargs="*")
    parser.add_argument("--minutes", type=float, default=12)
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    options = parser.parse_args()
    if options.mode == "replay":
        return _replay(*options.arguments)
    if options.mode in ("all", "list"):
        _list_scenarios()
    if options.mode == "list":
        return 0
    tally = simulate(_jobs(options.mode, options.arguments), options.minutes * 60, options.processes)
    if options.mode == "all":
        write_section("simulation", "run", [f"    {tally}"])
    return int(tally.broken > 0)


def _list_scenarios() -> None:
    scripts = {name: str(each.script.__doc__) for name, each in {**SCENARIOS, **RANDOM}.items()}
    rows = [f"| `{name}` | {text.splitlines()[0]} |" for name, text in scripts.items()]
    write_section("simulation", "scenarios", ["| scenario | |", "|---|---|", *rows])


def _replay(name: str, seed: str, *points: str) -> int:
    with stage():
        outcome = runs.run(name, int(seed), map(Point.parse, points), trace=True)
    print(*outcome.trace, sep="\n")
    print(*(outcome.broken or ["All promises were kept."]), sep="\n")
    return int(bool(outcome.broken))


def _jobs(mode: str, arguments: list[str]) -> Iterator[Job]:
    if mode == "random":
        first, count = map(int, arguments)
        yield from random_jobs(first, count)
        return
    names = arguments or list(SCENARIOS)
    distinct = mode == "all"
    yield from chain.from_iterable(points_of(name, runs.CRASHES, distinct=distinct) for name in names)
    print("All crash points are queued.", flush=True)
    if mode == "all":
        yield from random_jobs(0, 100)
    yield from chain.from_iterable(points_of(name, runs.OTHERS, distinct=distinct) for name in names)
    print("All faults are queued.", flush=True)
    if mode == "all":
        yield from random_jobs(100, 10**9)


if __name__ == "__main__":
    sys.exit(main())
