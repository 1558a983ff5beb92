"""Dead letters grouped by cause: task type, kind and class of the error, and the outline of its message."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from chalicelib.domain.dead_letters import QUARANTINED, DeadLetterRecord
from chalicelib.domain.formats import timestamp
from chalicelib.domain.task import Task, TaskError

#: A group lists the ids of this many of its newest tasks.
TASKS_LISTED = 5
#: The parts of a message that differ between errors of one cause: ids, numbers and quoted text.
_VARIABLE = re.compile(r"\b[0-9a-f]{8}-[0-9a-f-]{27}\b|0x[0-9a-f]+|\d+|'[^']*'|\"[^\"]*\"", re.IGNORECASE)
#: The part of a message that decides its group.
_OUTLINE_CHARACTERS = 100


def group_id(task_type: str, kind: str, error_type: str, message: str) -> str:
    """The id of an error's group: 16 hexadecimal digits, equal for errors that differ in details only."""
    outline = _VARIABLE.sub("*", message)[:_OUTLINE_CHARACTERS]
    return hashlib.sha256("\0".join((task_type, kind, error_type, outline)).encode()).hexdigest()[:16]


def group_id_of_record(record: DeadLetterRecord) -> str:
    """The group of a recorded dead letter. All quarantined messages are one group."""
    message = "" if record.kind == QUARANTINED else record.message
    return group_id(record.type, record.kind, record.error_type, message)


def group_id_of_task(task: Task) -> str | None:
    """The group of a task's error; None for a task without one."""
    error: TaskError | None = task.error
    return None if error is None else group_id(task.type, error.kind.value, error.type, error.message)


@dataclass(slots=True)
class DeadLetterGroup:
    """Dead letters of one cause."""

    id: str
    records: list[DeadLetterRecord] = field(default_factory=list)

    def view(self) -> dict[str, Any]:
        """The public JSON, with the error of the newest record."""
        by_time = sorted(self.records, key=lambda record: record.failed_at, reverse=True)
        newest = by_time[0]
        return {
            "id": self.id,
            "type": newest.type or None,
            "kind": newest.kind,
            "error_type": newest.error_type,
            "message": newest.message,
            "count": len(self.records),
            "first_failed_at": by_time[-1].failed_at,
            "last_failed_at": newest.failed_at,
            "task_ids": [record.task_id for record in by_time[:TASKS_LISTED] if record.task_id is not None],
        }


def grouped(
    records: Iterable[DeadLetterRecord], limit: int
) -> tuple[list[DeadLetterGroup], DeadLetterRecord | None]:
    """At most `limit` groups of `records`, and the first record of another group, if there is one."""
    groups: dict[str, DeadLetterGroup] = {}
    for record in records:
        key = group_id_of_record(record)
        if key not in groups and len(groups) == limit:
            return list(groups.values()), record
        groups.setdefault(key, DeadLetterGroup(key)).records.append(record)
    return list(groups.values()), None


def dead_letter_view(record: DeadLetterRecord) -> dict[str, Any]:
    """The public JSON of a recorded dead letter."""
    return {
        "key": record.key,
        "task_id": record.task_id,
        "redrive_count": record.redrive_count,
        "type": record.type or None,
        "kind": record.kind,
        "error_type": record.error_type,
        "message": record.message,
        "attempt": record.attempt,
        "failed_at": record.failed_at,
        "recorded_at": timestamp(record.recorded_at),
    }
