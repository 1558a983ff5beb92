"""Dead letters: the report of one death, and what else can lie in the dead letter queue."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chalicelib.domain.formats import timestamp
from chalicelib.domain.ids import is_correlation_id, is_owner, is_task_id
from chalicelib.domain.task import Task

QUARANTINED = "quarantined"
#: This much of a message that is not ours is kept with its record.
EXCERPT_CHARACTERS = 1024
#: No dead letter is longer, or counts further: what does is not one, and need not fit keys and alerts.
_BODY_LIMIT_CHARACTERS = 16_384
_COUNT_LIMIT = 1_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class DeadLetter:
    """One death of one task. It carries no payload."""

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
        """The same for every copy of the report of one death."""
        return f"{self.task_id}#{self.redrive_count}"  # guard: dead-letter.key-has-redrive-count

    def body(self) -> str:
        """The message that carries it, in ASCII: SQS refuses some of the characters that JSON allows."""
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
        """The dead letter in `body`; None when it is something else."""
        if len(body) > _BODY_LIMIT_CHARACTERS:
            return None
        try:
            plain = json.loads(body)
        except (ValueError, RecursionError):
            return None
        if not isinstance(plain, dict) or not _is_dead_letter(plain):
            return None
        correlation_id = plain.get("correlation_id")
        return cls(
            owner=plain["owner"],
            task_id=plain["id"],
            redrive_count=plain["redrive_count"],
            type=plain["type"],
            attempt=plain["attempt"],
            error={name: plain["error"][name] for name in ("kind", "type", "message")},
            failed_at=plain["failed_at"],
            correlation_id=correlation_id if is_correlation_id(correlation_id) else None,
        )


_SHAPE: dict[str, type] = {
    "owner": str,
    "id": str,
    "redrive_count": int,
    "type": str,
    "attempt": int,
    "error": dict,
    "failed_at": str,
}


def _is_dead_letter(plain: dict[str, Any]) -> bool:
    shaped = all(isinstance(plain.get(name), wanted) for name, wanted in _SHAPE.items())
    return (
        shaped
        and is_owner(plain["owner"])
        and is_task_id(plain["id"])
        and all(0 <= plain[name] <= _COUNT_LIMIT for name in ("redrive_count", "attempt"))
        and all(isinstance(plain["error"].get(name), str) for name in ("kind", "type", "message"))
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class DeadMessage:
    """A message received from the dead letter queue."""

    message_id: str
    receipt_handle: str
    body: str
    sent_at: datetime
    original_message_id: str | None = None  #: set by the worker on a message that is not ours


@dataclass(frozen=True, kw_only=True, slots=True)
class DeadLetterRecord:
    """What the monitor keeps of a death, or of a message that is not ours."""

    key: str
    owner: str  #: empty for a message that is not ours
    kind: str  #: the error's kind, or quarantined
    type: str
    error_type: str
    message: str
    attempt: int
    failed_at: str
    recorded_at: datetime
    correlation_id: str | None = None  #: for the logs; it is not stored

    @property
    def task_id(self) -> str | None:
        """The task that died; None for a message that is not ours."""
        return None if self.kind == QUARANTINED else self.key.partition("#")[0]

    @property
    def redrive_count(self) -> int:
        """The life that ended; 0 for a message that is not ours."""
        return 0 if self.kind == QUARANTINED else int(self.key.partition("#")[2])

    @classmethod
    def of(cls, letter: DeadLetter, now: datetime) -> DeadLetterRecord:
        """The record of a death."""
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
        """The record of a message that is not ours, with the beginning of its body."""
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
