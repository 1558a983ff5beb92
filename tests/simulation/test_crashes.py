"""A process dies before and after each of its calls to AWS. Every promise is kept.

`make test` has time for these scenarios. `make simulate` runs all of them, with all faults.
"""

from __future__ import annotations

import pytest

from tests.simulation.calls import Trouble
from tests.simulation.runs import CRASHES, each_point, run

#: A task with retries, one that fails and is redriven, all ways to cancel a run, and tasks whose claims and
#: outcomes share requests.
SCENARIOS = ("retries", "failure", "cancel_running", "delivery")


@pytest.mark.parametrize("trouble", CRASHES, ids=lambda trouble: trouble.fault)
@pytest.mark.parametrize("name", SCENARIOS)
def test_a_crash_at_every_call_breaks_nothing(name: str, trouble: Trouble) -> None:
    outcomes = [run(name, 0, [point]) for point in each_point(name, [trouble], distinct=True)]
    assert len(outcomes) > 20
    assert not [str(outcome) for outcome in outcomes if outcome.broken]
