"""One simulated stage for all worlds of a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.simulation.world import stage


@pytest.fixture(scope="module", autouse=True)
def _stage() -> Iterator[None]:
    with stage():
        yield
