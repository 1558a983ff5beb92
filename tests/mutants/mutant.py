"""The service without one guard."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
CLAIM = "chalicelib/aws/dynamodb/claim.py"
TASK_CHANGE = "chalicelib/aws/dynamodb/task_change.py"
TASK_TABLE = "chalicelib/aws/dynamodb/task_table.py"
TASK = "chalicelib/domain/task.py"
WORKER = "chalicelib/services/worker/worker.py"
RECORDER = "chalicelib/services/worker/recorder.py"
SWEEPER = "chalicelib/services/maintenance/sweeper.py"
DEAD_LETTERS = "chalicelib/services/maintenance/dead_letter_monitor.py"
TASKS = "chalicelib/services/tasks.py"
REALTIME = "chalicelib/services/live/updates.py"
CONNECTIONS = "chalicelib/services/live/connections.py"


@dataclass(frozen=True, slots=True)
class Mutant:
    """The service without one guard."""

    guard: str  #: what is taken away
    happens: str  #: what would happen then
    file: str
    changes: tuple[tuple[str, str], ...]  #: old text, which is there exactly once, and new text

    def applied(self, text: str) -> str:
        """The file's text without the guard. Raises: LookupError when the guard is not there."""
        for old, new in self.changes:
            if text.count(old) != 1:
                raise LookupError(f"{self.guard}: {text.count(old)} times in {self.file}: {old}")
            text = text.replace(old, new)
        return text


def mutant(guard: str, happens: str, file: str, *changes: tuple[str, str]) -> Mutant:
    """A mutant; short to write."""
    return Mutant(guard, happens, file, changes)
