"""Every write of a scenario goes wrong in other ways than by a crash; every promise is kept all the same."""

from __future__ import annotations

import pytest

from tests.simulation.calls import Fault, Trouble
from tests.simulation.runs import each_point, run


@pytest.mark.parametrize("fault", [Fault.PARTLY, Fault.TWICE, Fault.UNHEARD])
def test_a_batch_that_is_done_in_part_twice_or_unheard_breaks_nothing(fault: Fault) -> None:
    trouble = Trouble(fault=fault, milliseconds=1000)
    batches = {call.number for call in run("delivery").calls if call.batch}
    points = [point for point in each_point("delivery", [trouble]) if point.number in batches]
    outcomes = [run("delivery", 0, [point]) for point in points]
    assert len(outcomes) >= 3  # the tasks, their claims, and some outcomes
    assert not [str(outcome) for outcome in outcomes if outcome.broken]


@pytest.mark.parametrize("fault", [Fault.TWICE, Fault.UNHEARD, Fault.FROZEN])
def test_a_lost_answer_or_a_standstill_at_every_write_breaks_nothing(fault: Fault) -> None:
    trouble = Trouble(fault=fault, milliseconds=200_000 if fault is Fault.FROZEN else 1000)
    outcomes = [run("two_deaths", 0, [point]) for point in each_point("two_deaths", [trouble], writes=True)]
    assert len(outcomes) >= 20
    assert not [str(outcome) for outcome in outcomes if outcome.broken]
