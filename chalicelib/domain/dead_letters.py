"""Dead letters, the other messages of the dead letter queue, and the records of both."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chalicelib.domain.caller import is_owner
from chalicelib.domain.formats import timestamp
from chalicelib.domain.ids import is_correlation_id, is_task_id
from chalicelib.domain.task import Task

QUARANTINED = "quarantined"
#: The length of the excerpt that the record of a quarantined message keeps.
EXCERPT_CHARACTERS = 1024
#: A message with a longer body or a higher count is no dead letter: it must fit keys and alerts.
_BODY_LIMIT_CHARACTERS = 16_384
_COUNT_LIMIT = 1_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class DeadLetter:
    """The report that a task failed for good. It contains no payload."""

    owner: str
    task_id: str
    redrive_count: int
    type: str
    attempt: int
    error: Mapping[str, str]  #: kind, type, message
    failed_at: str  #: RFC 3339
    correlation_id: str | None = None

    @classmethod
    def of(cls, task: Task) -> DeadLetter:
        """The dead letter of a failed task."""
        assert task.error is not None, "a failed task has its error"
        return cls(
            owner=task.owner,
            task_id=task.id,
            redrive_count=task.redrive_count,
            type=task.type,
            attempt=task.attempt,
            error={"kind": task.error.kind.value, "type": task.error.type, "message": task.error.message},
            failed_at=timestamp(task.finished_at) or "",
            correlation_id=task.correlation_id,
        )

    @property
    def key(self) -> str:
        """The dead-letter key: the same for every copy of this report."""
        return f"{self.task_id}#{self.redrive_count}"  # guard: dead-letter.key-has-redrive-count

    def body(self) -> str:
        """The message body, in ASCII: SQS refuses some of the characters that JSON allows."""
        return json.dumps(
            {
                "owner": self.owner,
                "id": self.task_id,
                "redrive_count": self.redrive_count,
                "type": self.type,
                "attempt": self.attempt,
                "error": dict(self.error),
                "failed_at": self.failed_at,
                **({} if self.correlation_id is None else {"correlation_id": self.correlation_id}),
            },
            separators=(",", ":"),
        )

    @classmethod
    def parse(cls, body: str) -> DeadLetter | None:
        """The dead letter in `body`; None for any other message."""
        if len(body) > _BODY_LIMIT_CHARACTERS:
            return None
        try:
            data = json.loads(body)
        except (ValueError, RecursionError):
            return None
        if not isinstance(data, dict) or not _is_dead_letter(data):
            return None
        correlation_id = data.get("correlation_id")
        return cls(
            owner=data["owner"],
            task_id=data["id"],
            redrive_count=data["redrive_count"],
            type=data["type"],
            attempt=data["attempt"],
            error={name: data["error"][name] for name in ("kind", "type", "message")},
            failed_at=data["failed_at"],
            correlation_id=correlation_id if is_correlation_id(correlation_id) else None,
        )


_FIELDS: dict[str, type] = {
    "owner": str,
    "id": str,
    "redrive_count": int,
    "type": str,
    "attempt": int,
    "error": dict,
    "failed_at": str,
}


def _is_dead_letter(data: dict[str, Any]) -> bool:
    has_fields = all(isinstance(data.get(name), type_) for name, type_ in _FIELDS.items())
    return (
        has_fields
        and is_owner(data["owner"])
        and is_task_id(data["id"])
        and all(0 <= data[name] <= _COUNT_LIMIT for name in ("redrive_count", "attempt"))
        and all(isinstance(data["error"].get(name), str) for name in ("kind", "type", "message"))
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class DeadMessage:
    """A message received from the dead letter queue."""

    message_id: str
    receipt_handle: str
    body: str
    sent_at: datetime
    original_message_id: str | None = None  #: set by the worker on a message that it quarantines


@dataclass(frozen=True, kw_only=True, slots=True)
class DeadLetterRecord:
    """The stored record of a dead letter or of a quarantined message."""

    key: str
    owner: str  #: empty for a quarantined message
    kind: str  #: the error's kind, or quarantined
    type: str
    error_type: str
    message: str
    attempt: int
    failed_at: str
    recorded_at: datetime
    correlation_id: str | None = None  #: for logs; not stored

    @property
    def task_id(self) -> str | None:
        """The id of the failed task; None for a quarantined message."""
        return None if self.kind == QUARANTINED else self.key.partition("#")[0]

    @property
    def redrive_count(self) -> int:
        """The task's redrive count when it failed; 0 for a quarantined message."""
        return 0 if self.kind == QUARANTINED else int(self.key.partition("#")[2])

    @classmethod
    def of(cls, letter: DeadLetter, now: datetime) -> DeadLetterRecord:
        """The record of a dead letter."""
        return cls(
            key=letter.key,
            owner=letter.owner,
            kind=letter.error["kind"],
            type=letter.type,
            error_type=letter.error["type"],
            message=letter.error["message"],
            attempt=letter.attempt,
            failed_at=letter.failed_at,
            recorded_at=now,
            correlation_id=letter.correlation_id,
        )

    @classmethod
    def quarantined(cls, message: DeadMessage, now: datetime) -> DeadLetterRecord:
        """The record of a quarantined message, with the beginning of its body."""
        excerpt = message.body.encode("utf-8", "replace").decode()[:EXCERPT_CHARACTERS]
        return cls(
            key=message.original_message_id or message.message_id,
            owner="",
            kind=QUARANTINED,
            type="",
            error_type=QUARANTINED,
            message=excerpt,
            attempt=0,
            failed_at=timestamp(message.sent_at) or "",
            recorded_at=now,
        )
