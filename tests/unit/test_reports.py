"""The reports and the page about reliability name guards, scenarios, faults and files that exist."""

from __future__ import annotations

import re

from tests.mutants.mutant import ROOT
from tests.mutants.table import MUTANTS
from tests.simulation.calls import Fault
from tests.simulation.scenarios import RANDOM, SCENARIOS
from tests.support.reports import read_section

RELIABILITY = (ROOT / "docs" / "explanation" / "reliability.md").read_text()


def first_cells(report: str, section: str) -> list[str]:
    return re.findall(r"^\| `(.+?)` \|", read_section(report, section), re.MULTILINE)


def test_the_report_of_mutants_has_a_row_for_each_guard() -> None:
    assert first_cells("mutants", "mutants") == [mutant.guard for mutant in MUTANTS]


def test_every_guard_in_the_report_was_noticed() -> None:
    assert "| no | no |" not in read_section("mutants", "mutants")


def test_the_report_of_the_simulation_lists_every_scenario() -> None:
    assert first_cells("simulation", "scenarios") == [*SCENARIOS, *RANDOM]


def test_the_page_about_reliability_names_existing_scenarios_faults_and_files() -> None:
    shown_by = "".join(re.findall(r"^\|.*\|.*\|(.*)\|$", RELIABILITY, re.MULTILINE))
    names = set(re.findall(r"`(\w+)`", shown_by))
    assert len(names) > 20
    assert names <= {*SCENARIOS, *RANDOM, *Fault.__members__}
    assert [path for path in re.findall(r"tests/[\w/]+\.py", RELIABILITY) if not (ROOT / path).exists()] == []
