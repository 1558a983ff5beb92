"""Each write of a scenario has a fault other than a crash. Every promise is kept."""

from __future__ import annotations

import pytest

from tests.simulation.calls import Fault, Trouble
from tests.simulation.runs import each_point, run


@pytest.mark.parametrize("fault", [Fault.PARTLY, Fault.TWICE, Fault.NO_RESPONSE])
def test_a_batch_done_in_part_or_twice_or_without_a_response_breaks_nothing(fault: Fault) -> None:
    trouble = Trouble(fault=fault, milliseconds=1000)
    batches = {call.number for call in run("delivery").calls if call.batch}
    points = [point for point in each_point("delivery", [trouble]) if point.number in batches]
    outcomes = [run("delivery", 0, [point]) for point in points]
    assert len(outcomes) >= 3  # the tasks, their claims, and some outcomes
    assert not [str(outcome) for outcome in outcomes if outcome.broken]


@pytest.mark.parametrize("fault", [Fault.TWICE, Fault.NO_RESPONSE, Fault.FROZEN])
def test_a_lost_response_or_a_freeze_at_every_write_breaks_nothing(fault: Fault) -> None:
    trouble = Trouble(fault=fault, milliseconds=200_000 if fault is Fault.FROZEN else 1000)
    outcomes = [
        run("two_failures", 0, [point]) for point in each_point("two_failures", [trouble], writes=True)
    ]
    assert len(outcomes) >= 20
    assert not [str(outcome) for outcome in outcomes if outcome.broken]
