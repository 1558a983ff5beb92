"""Runs of scenarios: with chosen faults, with one fault at each call, or with random faults by seed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from io import StringIO

from tests.simulation.calls import Call, Fault, Trouble
from tests.simulation.checker import check
from tests.simulation.plans import FaultsAtPoints, NoFaults, Point, RandomFaults, can_happen
from tests.simulation.queues import SECOND
from tests.simulation.scenarios import RANDOM, SCENARIOS
from tests.simulation.world import World

CRASHES = (Trouble(fault=Fault.CRASH_BEFORE), Trouble(fault=Fault.CRASH_AFTER))
#: Other faults of one call. A late copy arrives before, during or after the next steps.
OTHERS = (
    Trouble(fault=Fault.REFUSED),
    Trouble(fault=Fault.THROTTLED),
    Trouble(fault=Fault.PARTLY),
    Trouble(fault=Fault.NO_RESPONSE),
    Trouble(fault=Fault.FROZEN, milliseconds=200 * SECOND),
    Trouble(fault=Fault.TWICE, milliseconds=1 * SECOND),
    *(
        Trouble(fault=Fault.LATE_COPY, milliseconds=seconds * SECOND)
        for seconds in (1, 5, 30, 100, 300, 2000)
    ),
)


@dataclass(slots=True)
class Outcome:
    """The result of a run."""

    name: str
    seed: int
    points: tuple[Point, ...]
    broken: list[str]
    calls: list[Call]
    trace: list[str] = field(default_factory=list)

    @property
    def replay(self) -> str:
        """The command that repeats the run and prints its trace."""
        points = "".join(f" {point}" for point in self.points)
        return f"python -m tests.simulation replay {self.name} {self.seed}{points}"

    def __str__(self) -> str:
        return "\n".join([*self.broken[:5], f"REPLAY: {self.replay}"])


def run(name: str, seed: int = 0, points: Iterable[Point] = (), *, trace: bool = False) -> Outcome:
    """Run a scenario with faults at chosen calls, or one of RANDOM with the faults that its seed draws."""
    points = tuple(points)
    scenario = RANDOM[name] if name in RANDOM else SCENARIOS[name]
    if name in RANDOM:
        plan: NoFaults = RandomFaults(seed)
    else:
        plan = scenario.plan(seed) if scenario.plan is not None else FaultsAtPoints(points, seed)
    with redirect_stdout(StringIO()):  # the functions' logs
        world = World(plan, trace=trace, **scenario.settings)
        try:
            world.run(scenario.script)
            broken = check(world)
        finally:
            world.close()
    return Outcome(name, seed, points, broken, world.calls.made, world.trace)


def each_point(
    name: str, troubles: Iterable[Trouble], *, distinct: bool = False, writes: bool = False
) -> Iterator[Point]:
    """A point for each call of a run without faults, and each trouble.

    `distinct` leaves out points that equal another one: a fault at a read that follows a read of the same
    invocation, and a crash after a call that is followed by another call.
    `writes` leaves out all reads.
    """
    calls = run(name).calls
    for trouble in troubles:
        for call in _distinct(calls, trouble.fault) if distinct else calls:
            copies = trouble.fault in (Fault.TWICE, Fault.LATE_COPY)
            if (call.writes or not (copies or writes)) and can_happen(call, trouble):
                yield Point(call.number, trouble)


def _distinct(calls: list[Call], fault: Fault) -> Iterator[Call]:
    last_of = {call.process: call for call in calls}
    was_reading: dict[str, bool] = {}
    for call in calls:
        repeats = was_reading.get(call.process, False)
        if fault is Fault.CRASH_AFTER:
            repeats = last_of[call.process] is not call
        if not (call.reads and repeats):
            yield call
        was_reading[call.process] = call.reads
