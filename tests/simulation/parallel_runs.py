"""Many runs, in parallel on all processors."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import islice
from multiprocessing import get_context

from tests.simulation import runs
from tests.simulation.calls import Trouble
from tests.simulation.plans import Point
from tests.simulation.scenarios import RANDOM, SCENARIOS
from tests.simulation.world import stage

#: Scenario, seed and faults.
Job = tuple[str, int, tuple[Point, ...]]
#: The stage of this process. It stays open for all of its jobs.
_stage: list[AbstractContextManager[None]] = []
#: Jobs sent to a process at a time.
_CHUNK = 8


@dataclass
class Tally:
    """Totals of many runs."""

    runs: int = 0
    random: int = 0
    crash_points: int = 0
    calls: int = 0
    broken: int = 0
    seconds: float = 0

    def __str__(self) -> str:
        return (
            f"{self.runs} runs, of them {self.crash_points} crash points and {self.random} with random"
            f" faults; {self.calls} calls; {self.broken} broken; {self.seconds:.0f} s"
        )

    def add(self, outcome: tuple[Job, int, str]) -> None:
        """Count a run."""
        (name, _, points), calls, broken = outcome
        self.runs += 1
        self.random += name in RANDOM
        self.crash_points += sum("CRASH" in point.trouble.fault.name for point in points)
        self.calls += calls
        self.broken += bool(broken)


def points_of(name: str, troubles: Iterable[Trouble], *, distinct: bool = False) -> list[Job]:
    """A job for the scenario without faults, and one for each trouble at each call of `each_point`."""
    if SCENARIOS[name].plan is not None:
        return [(name, 0, ())]
    with stage():
        points = list(runs.each_point(name, troubles, distinct=distinct))
    return [(name, 0, ()), *((name, 0, (point,)) for point in points)]


def simulate(jobs: Iterable[Job], seconds: float, processes: int) -> Tally:
    """Run jobs until none are left or the time is over. Prints and returns the totals."""
    began, left, tally = time.monotonic(), iter(jobs), Tally()
    context = get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context, initializer=_open_stage) as pool:
        waiting: set[Future[list[tuple[Job, int, str]]]] = set()
        while True:
            while len(waiting) < 2 * processes and time.monotonic() - began < seconds:
                chunk = list(islice(left, _CHUNK))
                if not chunk:
                    break
                waiting.add(pool.submit(_work, chunk))
            if not waiting:
                break
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            _print([outcome for future in done for outcome in future.result()], tally, began)
    tally.seconds = time.monotonic() - began
    print(tally)
    return tally


def _print(outcomes: Iterable[tuple[Job, int, str]], tally: Tally, began: float) -> None:
    for outcome in outcomes:
        tally.add(outcome)
        if outcome[2]:
            print(outcome[2], flush=True)
        if tally.runs % 1000 == 0:
            seconds = time.monotonic() - began
            print(f"{tally.runs} runs, {tally.broken} broken, {seconds:.0f} s", flush=True)


def _open_stage() -> None:
    _stage.append(stage())
    _stage[0].__enter__()


def _work(jobs: list[Job]) -> list[tuple[Job, int, str]]:
    return list(map(_outcome, jobs))


def _outcome(job: Job) -> tuple[Job, int, str]:
    outcome = runs.run(*job)
    return job, len(outcome.calls), str(outcome) if outcome.broken else ""


def random_jobs(first: int, count: int) -> Iterator[Job]:
    """Runs with random faults, of consecutive seeds."""
    for seed in range(first, first + count):
        yield from ((name, seed, ()) for name in RANDOM)
