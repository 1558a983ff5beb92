"""The terminal output of the commands: plans, progress and questions, for a person or for a log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console, RenderableType
from rich.markup import escape
from rich.prompt import Confirm
from rich.status import Status
from rich.table import Table

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
    """Prints to a console. It asks questions on an interactive terminal only, and not with `--yes`."""

    def __init__(self, console: Console, *, yes: bool) -> None:
        self._console = console
        self.yes = yes
        self._asks = console.is_terminal and not yes
        self._status: Status | None = None

    @contextmanager
    def working(self, activity: str) -> Iterator[None]:
        """Show a spinner with this text while the block runs."""
        if not self._console.is_terminal:
            self.line(activity)
            yield
            return
        with self._console.status(escape(activity)) as status:
            self._status = status
            try:
                yield
            finally:
                self._status = None

    def progress(self, line: str) -> None:
        """Print one finished step of the current activity."""
        self._console.print(f"  [dim]{escape(line)}", highlight=False, soft_wrap=True)

    def line(self, text: str) -> None:
        """Print a line of text as it is."""
        self._console.print(escape(text), highlight=False, soft_wrap=True)

    def show(self, renderable: RenderableType) -> None:
        """Print a table or another object of rich."""
        self._console.print(renderable)

    def confirm_plan(self, title: str, changes: Sequence[Change]) -> None:
        """Print the planned changes and ask for approval. Raises: Declined."""
        table = Table(title=escape(title), title_justify="left", box=None, show_header=False, pad_edge=False)
        for _ in range(4):
            table.add_column(overflow="fold")
        for change in changes:
            sign = _SIGNS[change.verb]
            cells = (change.kind, change.name, ", ".join(change.details))
            table.add_row(f"{sign} {change.verb}", *map(escape, cells))
        self.show(table)
        self.confirm("Apply this plan?")

    def confirm(self, question: str) -> None:
        """Ask a question. Raises: Declined when the answer is no."""
        if not self._asks:
            return
        if self._status is not None:
            self._status.stop()
        if not Confirm.ask(escape(question), console=self._console, default=False):
            raise Declined("Nothing was changed.")
        if self._status is not None:
            self._status.start()

    def error(self, message: str) -> None:
        """Print an error message."""
        self._console.print(escape(message), style="bold red", highlight=False, soft_wrap=True)
