"""Prints the results of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.chaos.checker import Verdict

_SHOWN = 5


def show(title: str, rows: Mapping[str, object]) -> None:
    """Print a title, and one line a row."""
    width = max(map(len, rows))
    print(f"\n{title}")
    for name, value in rows.items():
        print(f"  {name:<{width}}  {value}")


def show_verdicts(verdicts: Sequence[Verdict]) -> int:
    """Print each promise. Returns how many are broken."""
    show("Promises", {each.promise: f"{len(each.broken)} of {each.of}" for each in verdicts})
    broken = [each for each in verdicts if each.broken]
    for verdict in broken:
        print(f"\nBROKEN: {verdict.promise}")
        for line in verdict.broken[:_SHOWN]:
            print(f"  {line}")
    return len(broken)
