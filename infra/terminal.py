"""What the commands say: plans, progress, questions and answers, for a person or for a log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.prompt import Confirm
from rich.status import Status
from rich.table import Table

from infra.doctor.check import Finding
from infra.errors import Declined
from infra.plan import Change

_SIGNS = {
    "create": "[green]+",
    "update": "[yellow]~",
    "delete": "[red]-",
    "adopt": "[cyan]<",
    "note": "[dim]=",
}


class Terminal:
    """Asks only where somebody can answer: on a terminal, and without `--yes`."""

    def __init__(self, console: Console, *, yes: bool) -> None:
        self._console = console
        self.yes = yes
        self._asks = console.is_terminal and not yes
        self._status: Status | None = None

    @contextmanager
    def working(self, sentence: str) -> Iterator[None]:
        """Show that something is going on, and what (see `progress`)."""
        if not self._console.is_terminal:
            self.say(sentence)
            yield
            return
        with self._console.status(escape(sentence)) as status:
            self._status = status
            try:
                yield
            finally:
                self._status = None

    def progress(self, line: str) -> None:
        """One step of what is going on."""
        self._console.print(f"  [dim]{escape(line)}", highlight=False, soft_wrap=True)

    def say(self, sentence: str) -> None:
        self._console.print(escape(sentence), highlight=False, soft_wrap=True)

    def plan(self, title: str, changes: Sequence[Change]) -> None:
        """Show what is about to change and ask for it. Raises: Declined."""
        table = Table(title=escape(title), title_justify="left", box=None, show_header=False, pad_edge=False)
        for _ in range(4):
            table.add_column(overflow="fold")
        for change in changes:
            sign = _SIGNS[change.verb]
            words = (change.kind, change.name, ", ".join(change.details))
            table.add_row(f"{sign} {change.verb}", *map(escape, words))
        self._console.print(table)
        self.confirm("Carry this out?")

    def confirm(self, question: str) -> None:
        """Raises: Declined when the answer is no."""
        if not self._asks:
            return
        if self._status is not None:
            self._status.stop()
        if not Confirm.ask(escape(question), console=self._console, default=False):
            raise Declined("Nothing was changed.")
        if self._status is not None:
            self._status.start()

    def findings(self, place: str, stage: str, findings: Sequence[Finding]) -> None:
        """A line for each check, and below a red one what was found and what to do."""
        table = Table(title=escape(place), title_justify="left", box=None, show_header=False, pad_edge=False)
        table.add_column()
        table.add_column(overflow="fold")
        for each in findings:
            table.add_row("[green]ok" if each.is_healthy else "[bold red]RED", escape(each.check.title))
            for problem in each.problems:
                table.add_row("", f"[red]{escape(problem)}")
            if not each.is_healthy:
                table.add_row("", f"[dim]{escape(each.check.advice.format(stage=stage))}")
        self._console.print(table)
        red = sum(not each.is_healthy for each in findings)
        self.say(f"{red} of {len(findings)} checks are red." if red else "All is well.")

    def error(self, message: str) -> None:
        self._console.print(escape(message), style="bold red", highlight=False, soft_wrap=True)
