"""Worlds in which whatever a seed brings goes wrong; and every scenario in a world where nothing does."""

from __future__ import annotations

import pytest

from tests.simulation.calls import Fault, Trouble
from tests.simulation.plans import Point
from tests.simulation.runs import run
from tests.simulation.scenarios import SCENARIOS, STORMS


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_in_which_only_the_expected_goes_wrong(name: str) -> None:
    outcome = run(name)
    assert not outcome.broken, str(outcome)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("name", STORMS)
def test_a_storm(name: str, seed: int) -> None:
    outcome = run(name, seed)
    assert not outcome.broken, str(outcome)


class TestReplay:
    """What a failing run prints runs it again, event by event."""

    def test_a_seed_is_the_same_run_each_time_and_another_one_another_run(self) -> None:
        first, second, other = (run("storm_of_many_buckets", seed, trace=True).trace for seed in (1, 1, 3))
        assert len(first) > 100
        assert first == second
        assert first != other

    def test_the_line_names_the_run(self) -> None:
        point = Point(7, Trouble(fault=Fault.LATE_COPY, milliseconds=300))
        outcome = run("success", 0, [point])
        line = "python -m tests.simulation replay success 0 LATE_COPY@7:300"
        assert outcome.replay == line
        assert Point.parse(line.rpartition(" ")[2]) == point
