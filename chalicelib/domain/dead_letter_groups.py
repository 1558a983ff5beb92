"""Deaths grouped by what went wrong, so that people see causes and not rows."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from chalicelib.domain.dead_letters import QUARANTINED, DeadLetterRecord
from chalicelib.domain.formats import timestamp
from chalicelib.domain.task import Task, TaskError

#: A group names this many of its newest tasks.
TASKS_NAMED = 5
#: What differs from death to death of one cause: ids, numbers and what stands in quotes.
_VARIABLE = re.compile(r"\b[0-9a-f]{8}-[0-9a-f-]{27}\b|0x[0-9a-f]+|\d+|'[^']*'|\"[^\"]*\"", re.IGNORECASE)
#: Of a message, this much tells its group.
_TOLD_BY = 100


def group_key_of(task_type: str, kind: str, error_type: str, message: str) -> str:
    """The id of the group that a death belongs to: the same for deaths that differ in details only."""
    outline = _VARIABLE.sub("*", message)[:_TOLD_BY]
    return hashlib.sha256("\0".join((task_type, kind, error_type, outline)).encode()).hexdigest()[:16]


def group_of_record(record: DeadLetterRecord) -> str:
    """The group of a death on record. What is not ours is one group, whatever it says."""
    message = "" if record.kind == QUARANTINED else record.message
    return group_key_of(record.type, record.kind, record.error_type, message)


def group_of_task(task: Task) -> str | None:
    """The group that the error of a task belongs to; None when it has none."""
    error: TaskError | None = task.error
    return None if error is None else group_key_of(task.type, error.kind.value, error.type, error.message)


@dataclass(slots=True)
class DeadLetterGroup:
    """Deaths of one cause, newest first."""

    id: str
    deaths: list[DeadLetterRecord] = field(default_factory=list)

    def view(self) -> dict[str, Any]:
        """The public JSON."""
        by_time = sorted(self.deaths, key=lambda death: death.failed_at, reverse=True)
        newest = by_time[0]
        return {
            "id": self.id,
            "type": newest.type or None,
            "kind": newest.kind,
            "error_type": newest.error_type,
            "message": newest.message,
            "count": len(self.deaths),
            "first_failed_at": by_time[-1].failed_at,
            "last_failed_at": newest.failed_at,
            "task_ids": [death.task_id for death in by_time[:TASKS_NAMED] if death.task_id is not None],
        }


def grouped(
    deaths: Iterable[DeadLetterRecord], most: int
) -> tuple[list[DeadLetterGroup], DeadLetterRecord | None]:
    """At most so many groups of `deaths`, and the first death that belongs to one more, if one does."""
    groups: dict[str, DeadLetterGroup] = {}
    for death in deaths:
        group_id = group_of_record(death)
        if group_id not in groups and len(groups) == most:
            return list(groups.values()), death
        groups.setdefault(group_id, DeadLetterGroup(group_id)).deaths.append(death)
    return list(groups.values()), None


def death_view(death: DeadLetterRecord) -> dict[str, Any]:
    """The public JSON of a death."""
    return {
        "key": death.key,
        "task_id": death.task_id,
        "redrive_count": death.redrive_count,
        "type": death.type or None,
        "kind": death.kind,
        "error_type": death.error_type,
        "message": death.message,
        "attempt": death.attempt,
        "failed_at": death.failed_at,
        "recorded_at": timestamp(death.recorded_at),
    }
