"""The table of guards keeps up with the code that it takes them from."""

from __future__ import annotations

import pytest

from tests.mutants.mutant import ROOT, Mutant
from tests.mutants.table import MUTANTS


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.guard)
def test_each_guard_is_there_once_and_can_be_taken_away(mutant: Mutant) -> None:
    text = (ROOT / mutant.file).read_text()
    without = mutant.applied(text)
    assert without != text
    compile(without, mutant.file, "exec")


def test_no_guard_has_two_names() -> None:
    assert len({mutant.guard for mutant in MUTANTS}) == len(MUTANTS)
