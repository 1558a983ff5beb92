"""The report of a run: printed, and written to docs/reports/chaos.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.chaos.checker import Verdict
from tests.support.reports import write_section

_SHOWN = 5


class Report:
    """One section of the report."""

    def __init__(self, section: str, *lines: str) -> None:
        self._section = section
        self._lines = list(lines)

    def show(self, title: str, rows: Mapping[str, object]) -> None:
        """Print a title, and one line a row."""
        width = max(map(len, rows))
        table = [title, *(f"  {name:<{width}}  {value}" for name, value in rows.items())]
        print("", *table, sep="\n")
        self._lines += [*([""] if self._lines else []), *table]

    def show_verdicts(self, verdicts: Sequence[Verdict]) -> int:
        """Print each promise. Returns how many are broken."""
        self.show("Promises", {each.promise: f"{len(each.broken)} of {each.of}" for each in verdicts})
        broken = [each for each in verdicts if each.broken]
        for verdict in broken:
            print(f"\nBROKEN: {verdict.promise}")
            for line in verdict.broken[:_SHOWN]:
                print(f"  {line}")
        return len(broken)

    def save(self) -> None:
        """Write the section."""
        write_section("chaos", self._section, [f"    {line}" if line else "" for line in self._lines])
