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


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", STORMS)
def test_a_storm(name: str, seed: int) -> None:
    outcome = run(name, seed)
    assert not outcome.broken, str(outcome)


class TestReplay:
    """What a failing run prints runs it again, event by event."""

    def test_a_seed_is_the_same_run_each_time(self) -> None:
        first, second = (run("storm", 1, trace=True).trace for _ in range(2))
        assert len(first) > 100
        assert first == second

    def test_another_seed_is_another_run(self) -> None:
        assert run("storm", 1, trace=True).trace != run("storm", 2, trace=True).trace

    def test_the_line_names_the_run(self) -> None:
        point = Point(7, Trouble(fault=Fault.LATE_COPY, milliseconds=300))
        outcome = run("success", 0, [point])
        line = "python -m tests.simulation replay success 0 LATE_COPY@7:300"
        assert outcome.replay == line
        assert Point.parse(line.rpartition(" ")[2]) == point
