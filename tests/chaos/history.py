"""All updates that clients received, and contradictions between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

FINAL: Final = frozenset({"succeeded", "failed", "canceled", "expired"})


class Update(NamedTuple):
    """The checked fields of one version of a task."""

    version: int
    status: str
    redrive_count: int
    finished_at: str | None
    updated_at: str

    @classmethod
    def of(cls, task: Mapping[str, Any]) -> Update:
        """The update in the public JSON of a task."""
        return cls(
            task["version"],
            task["status"],
            task["redrive_count"],
            task["finished_at"],
            task["updated_at"],
        )

    @property
    def final(self) -> bool:
        """Is the status terminal?"""
        return self.status in FINAL


class History:
    """Every update that any client received."""

    def __init__(self) -> None:
        self.updates: dict[str, dict[int, Update]] = {}  #: by task id and version
        self.contradictions: list[str] = []  #: versions with different contents in two frames
        self.ended: set[str] = set()  #: tasks of which a client received the end
        self.received = 0  #: updates in all frames

    def note(self, task_id: str, update: Update) -> None:
        """Keep an update of a frame."""
        self.received += 1
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
