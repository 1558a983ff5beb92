"""Simulate at length, or show one run.

python -m tests.simulation all [--minutes 12]            a crash at each call, storms, other faults, storms
python -m tests.simulation points [NAME ...]             each fault at each call of some scenarios, also
                                                         where the world is that of another point
python -m tests.simulation storms FIRST COUNT            storms of some seeds
python -m tests.simulation replay NAME SEED [POINT ...]  one run, with everything that happened in it
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
from tests.simulation.crowd import Job, points_of, simulate, storms  # noqa: E402
from tests.simulation.plans import Point  # noqa: E402
from tests.simulation.scenarios import SCENARIOS  # noqa: E402
from tests.simulation.world import stage  # noqa: E402


def main() -> int:
    """Do what the command line asks for; 1 when a promise was broken."""
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=formatter)
    parser.add_argument("mode", choices=("all", "points", "storms", "replay"))
    parser.add_argument("arguments", nargs="*")
    parser.add_argument("--minutes", type=float, default=12)
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    wanted = parser.parse_args()
    if wanted.mode == "replay":
        return _replay(*wanted.arguments)
    return simulate(_jobs(wanted.mode, wanted.arguments), wanted.minutes * 60, wanted.processes)


def _replay(name: str, seed: str, *points: str) -> int:
    with stage():
        outcome = runs.run(name, int(seed), map(Point.parse, points), trace=True)
    print(*outcome.trace, sep="\n")
    print(*(outcome.broken or ["All promises were kept."]), sep="\n")
    return int(bool(outcome.broken))


def _jobs(mode: str, arguments: list[str]) -> Iterator[Job]:
    if mode == "storms":
        first, count = map(int, arguments)
        yield from storms(first, count)
        return
    names = arguments or list(SCENARIOS)
    distinct = mode == "all"
    yield from chain.from_iterable(points_of(name, runs.CRASHES, distinct=distinct) for name in names)
    print("All crash points are given out.", flush=True)
    if mode == "all":
        yield from storms(0, 100)
    yield from chain.from_iterable(points_of(name, runs.OTHERS, distinct=distinct) for name in names)
    print("All faults are given out.", flush=True)
    if mode == "all":
        yield from storms(100, 10**9)


if __name__ == "__main__":
    sys.exit(main())
