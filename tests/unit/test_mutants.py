"""The guards in the code, in the protocol and in the list of mutants are the same."""

from __future__ import annotations

import builtins
import re

import pytest

from tests.mutants.mutant import ROOT, Mutant, Place, find_markers
from tests.mutants.table import MUTANTS

MARKERS = find_markers()
GUARDS = {mutant.guard for mutant in MUTANTS}
PROTOCOL = (ROOT / "docs" / "explanation" / "protocol.md").read_text()


def words(*texts: str) -> set[str]:
    return {word for text in texts for word in re.findall(r"[A-Za-z_]\w*", text)}


WORDS = words(*(path.read_text() for path in (ROOT / "chalicelib").rglob("*.py")))


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


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.guard)
def test_an_edit_uses_names_that_exist(mutant: Mutant) -> None:
    """A mutant that fails because of a misspelt name would prove nothing."""
    places = MARKERS[mutant.guard]
    lines = (ROOT / places[0].file).read_text().splitlines()
    names = words(*mutant.applied(lines, places)) - words(*lines)
    assert names <= WORDS | set(dir(builtins)) | {"returned", "done"}


def test_an_edit_that_no_longer_fits_its_line_is_refused() -> None:
    mutant = next(mutant for mutant in MUTANTS if mutant.guard == "snooze.returns-attempt")
    with pytest.raises(LookupError, match=r"snooze\.returns-attempt: task\.py:1 lacks"):
        mutant.applied(["attempt = 0  # guard: snooze.returns-attempt"], [Place("task.py", 0)])
