"""What a task costs, counted on the emulated AWS: no change may make it dearer unseen."""

from __future__ import annotations

import pytest

from benchmarks.counts import MOST, Count, counts


@pytest.fixture(scope="module")
def measured() -> dict[tuple[str, str], Count]:
    return counts(MOST)


@pytest.mark.parametrize("case", MOST, ids=", ".join)
def test_a_task_takes_no_more_requests_and_write_units(
    case: tuple[str, str], measured: dict[tuple[str, str], Count]
) -> None:
    requests, writes = MOST[case]
    assert measured[case].requests <= requests, measured[case].served.requests
    assert measured[case].row_writes <= writes, measured[case].served.writes
