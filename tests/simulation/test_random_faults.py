"""Every scenario without added faults, and worlds with random faults drawn from a seed."""

from __future__ import annotations

import pytest

from tests.simulation.calls import Fault, Trouble
from tests.simulation.plans import Point
from tests.simulation.runs import run
from tests.simulation.scenarios import RANDOM, SCENARIOS


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_keeps_every_promise(name: str) -> None:
    outcome = run(name)
    assert not outcome.broken, str(outcome)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("name", RANDOM)
def test_random_faults_break_nothing(name: str, seed: int) -> None:
    outcome = run(name, seed)
    assert not outcome.broken, str(outcome)


class TestReplay:
    """The command that a failed run prints repeats it, event by event."""

    def test_a_seed_gives_the_same_run_each_time_and_another_seed_another_run(self) -> None:
        first, second, other = (run("random_many_buckets", seed, trace=True).trace for seed in (1, 1, 3))
        assert len(first) > 100
        assert first == second
        assert first != other

    def test_the_line_names_the_run(self) -> None:
        point = Point(7, Trouble(fault=Fault.LATE_COPY, milliseconds=300))
        outcome = run("success", 0, [point])
        line = "python -m tests.simulation replay success 0 LATE_COPY@7:300"
        assert outcome.replay == line
        assert Point.parse(line.rpartition(" ")[2]) == point
