"""A process dies before and after every call it makes to AWS; every promise is kept all the same.

The scenarios here are those that `make test` has time for; `make simulate` does all of them, with all faults.
"""

from __future__ import annotations

import pytest

from tests.simulation.calls import Trouble
from tests.simulation.runs import CRASHES, each_point, run

#: A life with retries, one that ends in a dead letter and comes back, all ways to cancel a run, and
#: tasks whose claims and outcomes share their requests.
SCENARIOS = ("retries", "death", "cancel_running", "delivery")


@pytest.mark.parametrize("trouble", CRASHES, ids=lambda trouble: trouble.fault)
@pytest.mark.parametrize("name", SCENARIOS)
def test_a_crash_at_every_call_breaks_nothing(name: str, trouble: Trouble) -> None:
    outcomes = [run(name, 0, [point]) for point in each_point(name, [trouble], distinct=True)]
    assert len(outcomes) > 20
    assert not [str(outcome) for outcome in outcomes if outcome.broken]
