"""The guards in the code, in the protocol and in the list of mutants are the same."""

from __future__ import annotations

import re

import pytest

from tests.mutants.mutant import ROOT, Mutant, Place, find_markers
from tests.mutants.table import MUTANTS

MARKERS = find_markers()
GUARDS = {mutant.guard for mutant in MUTANTS}
PROTOCOL = (ROOT / "docs" / "explanation" / "protocol.md").read_text()


def test_each_marker_in_the_code_has_a_mutant_and_each_mutant_a_marker() -> None:
    assert set(MARKERS) == GUARDS


def test_the_protocol_explains_exactly_the_guards_that_have_mutants() -> None:
    explained = re.findall(r"^\| `([a-z-]+\.[a-z-]+)` \| .+ \| .+ \|$", PROTOCOL, re.MULTILINE)
    assert sorted(explained) == sorted(GUARDS)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.guard)
def test_each_guard_can_be_removed(mutant: Mutant) -> None:
    places = MARKERS[mutant.guard]
    (file,) = {place.file for place in places}
    lines = (ROOT / file).read_text().splitlines()
    without = mutant.applied(lines, places)
    assert without != lines
    compile("\n".join(without), file, "exec")


def test_an_edit_that_no_longer_fits_its_line_is_refused() -> None:
    mutant = next(mutant for mutant in MUTANTS if mutant.guard == "snooze.returns-attempt")
    with pytest.raises(LookupError, match=r"snooze\.returns-attempt: task\.py:1 lacks"):
        mutant.applied(["attempt = 0  # guard: snooze.returns-attempt"], [Place("task.py", 0)])
