"""Chalice's user interface, connected to the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from chalice.utils import UI

from infra.plan import Change


class PlanTerminal(Protocol):
    """The part of a terminal that a deployment uses."""

    def progress(self, line: str) -> None:
        """Print one finished step."""

    def confirm_plan(self, title: str, changes: Sequence[Change]) -> None:
        """Print the plan and ask for approval. Raises: Declined."""


class PlanFirstUI(UI):
    """Prints Chalice's messages as progress, after the user has approved the plan."""

    def __init__(self, terminal: PlanTerminal, title: str) -> None:
        super().__init__()
        self._terminal = terminal
        self._title = title
        self.changed = False

    def write(self, msg: str) -> None:
        self._terminal.progress(msg.strip())

    def approve(self, changes: list[Change]) -> None:
        """Raises: Declined."""
        self.changed = bool(changes)
        if changes:
            self._terminal.confirm_plan(self._title, changes)
