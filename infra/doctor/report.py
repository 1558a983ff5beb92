"""The doctor's report: a table for a person, JSON for a program."""

from __future__ import annotations

import json
from collections.abc import Sequence

from rich.markup import escape
from rich.table import Table

from infra.doctor.check import Finding


def json_report(stage: str, findings: Sequence[Finding]) -> str:
    """Return the findings as JSON."""
    checks = [
        {
            "check": each.check.title,
            "healthy": each.is_healthy,
            "problems": list(each.problems),
            **({} if each.is_healthy else {"advice": each.advice(stage)}),
        }
        for each in findings
    ]
    healthy = all(each.is_healthy for each in findings)
    return json.dumps({"stage": stage, "healthy": healthy, "checks": checks}, indent=2)


def table_report(title: str, stage: str, findings: Sequence[Finding]) -> Table:
    """Return a table with a line for each check. Below a red one are its problems and the advice."""
    table = Table(title=escape(title), title_justify="left", box=None, show_header=False, pad_edge=False)
    table.add_column()
    table.add_column(overflow="fold")
    for each in findings:
        table.add_row("[green]ok" if each.is_healthy else "[bold red]RED", escape(each.check.title))
        for problem in each.problems:
            table.add_row("", f"[red]{escape(problem)}")
        if not each.is_healthy:
            table.add_row("", f"[dim]{escape(each.advice(stage))}")
    return table


def summary(findings: Sequence[Finding]) -> str:
    """Return the number of red checks as a sentence."""
    red = sum(not each.is_healthy for each in findings)
    return f"{red} of {len(findings)} checks are red." if red else "All checks are green."
