"""What connected clients were told: every version of every task, and whether any two of them differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

FINAL: Final = frozenset({"succeeded", "failed", "canceled", "expired"})


class Update(NamedTuple):
    """One version of a task, as far as it matters here."""

    version: int
    status: str
    life: int  #: its redrive_count
    finished_at: str | None
    updated_at: str

    @classmethod
    def of(cls, task: Mapping[str, Any]) -> Update:
        """The update that a public task is."""
        return cls(
            task["version"],
            task["status"],
            task["redrive_count"],
            task["finished_at"],
            task["updated_at"],
        )

    @property
    def final(self) -> bool:
        """Has the task ended with it?"""
        return self.status in FINAL


class History:
    """Every update that any client was told."""

    def __init__(self) -> None:
        self.updates: dict[str, dict[int, Update]] = {}  #: by task id and version
        self.contradictions: list[str] = []  #: versions that two frames tell differently
        self.ended: set[str] = set()  #: tasks of which some client knows an end
        self.told = 0  #: updates in all frames

    def note(self, task_id: str, update: Update) -> None:
        """Remember what a frame says."""
        self.told += 1
        known = self.updates.setdefault(task_id, {}).setdefault(update.version, update)
        if known != update:
            self.contradictions.append(f"{task_id} version {update.version}: {known} and {update}")
        if update.final:
            self.ended.add(task_id)


def tasks_in(frame: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The tasks of a frame, batched or not."""
    if frame["type"] == "task":
        yield frame["task"]
    yield from frame.get("tasks", ())
