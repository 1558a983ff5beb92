"""Encodes a task as a DynamoDB row, and decodes it.

Attributes with their default are left out, except the counters that conditions compare. A document is its
JSON text (S), or its size (N) when the text has an item of its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.aws.dynamodb.items import (
    Row,
    from_milliseconds,
    milliseconds,
    moment,
    number,
    read_moment,
    text,
    ttl,
)
from chalicelib.domain.documents import Document
from chalicelib.domain.formats import to_json
from chalicelib.domain.ids import bucket_of
from chalicelib.domain.task import Attempt, ErrorKind, Progress, Task, TaskError, TaskStatus

#: The version of this layout. During a deploy, old and new code read each other's rows.
SCHEMA = 1
KEY_PREFIX = "task#"


def partition_key(owner: str, bucket: int) -> str:
    """The partition key of one owner's tasks in one bucket."""
    return f"{KEY_PREFIX}{owner}#{bucket:02x}"


def row_key(owner: str, task_id: str) -> Row:
    """The primary key of a task."""
    return {"pk": {"S": partition_key(owner, bucket_of(task_id))}, "sk": {"S": task_id}}


def owner_of(row: Mapping[str, Any]) -> str:
    """The owner in the key of a row or a stream record."""
    return str(row["pk"]["S"])[len(KEY_PREFIX) :].rpartition("#")[0]


def is_task_row(row: Mapping[str, Any]) -> bool:
    """Is it a task, not another item of the table?"""
    return str(row["pk"]["S"]).startswith(KEY_PREFIX)


@dataclass(frozen=True, slots=True)
class _Codec:
    encode: Callable[[Any], Any]
    decode: Callable[[Any], Any]
    keep_default: bool = False


def _encode_document(document: Document) -> dict[str, str]:
    if document.stored_apart:
        return {"N": str(document.size)}
    assert document.text is not None, "a document in the row has its text"
    return {"S": document.text}


def _decode_document(value: Mapping[str, str]) -> Document:
    if "N" in value:
        return Document(None, int(value["N"]))
    return Document(value["S"], len(value["S"].encode()))


def _error_to_json(error: TaskError | None) -> dict[str, str] | None:
    return None if error is None else {"kind": error.kind.value, "type": error.type, "message": error.message}


def _error_from_json(data: Mapping[str, str] | None) -> TaskError | None:
    if data is None:
        return None
    return TaskError(kind=ErrorKind(data["kind"]), type=data["type"], message=data["message"])


def _attempts_to_json(attempts: tuple[Attempt, ...]) -> str:
    return to_json(
        [
            [
                entry.number,
                entry.lease,
                milliseconds(entry.started_at),
                None if entry.finished_at is None else milliseconds(entry.finished_at),
                entry.outcome,
                _error_to_json(entry.error),
                entry.next_wait_seconds,
            ]
            for entry in attempts
        ]
    )


def _attempts_from_json(text: str) -> tuple[Attempt, ...]:
    return tuple(
        Attempt(
            number=number,
            lease=lease,
            started_at=from_milliseconds(started),
            finished_at=None if finished is None else from_milliseconds(finished),
            outcome=outcome,
            error=_error_from_json(error),
            next_wait_seconds=wait,
        )
        for number, lease, started, finished, outcome, error, wait in json.loads(text)
    )


_TEXT = _Codec(text, lambda a: a["S"])
_COUNT = _Codec(number, lambda a: int(a["N"]), keep_default=True)
_NUMBER = _Codec(number, lambda a: float(a["N"]))
_FLAG = _Codec(lambda v: {"BOOL": v}, lambda a: a["BOOL"])
_MOMENT = _Codec(moment, read_moment)
_TTL = _Codec(ttl, read_moment)
_TEXTS = _Codec(lambda v: {"L": [{"S": t} for t in v]}, lambda a: tuple(t["S"] for t in a["L"]))
_DOCUMENT = _Codec(_encode_document, _decode_document)
_ERROR = _Codec(lambda v: {"S": to_json(_error_to_json(v))}, lambda a: _error_from_json(json.loads(a["S"])))
_PROGRESS = _Codec(
    lambda v: {"S": to_json([v.percent, v.message])},
    lambda a: Progress(percent=json.loads(a["S"])[0], message=json.loads(a["S"])[1]),
)

#: The codec of each attribute except the key.
_ATTRIBUTES: dict[str, _Codec] = {
    "type": _TEXT,
    "status": _Codec(lambda v: {"S": v.value}, lambda a: TaskStatus(a["S"])),
    "version": _COUNT,
    "lease": _COUNT,
    "attempt": _COUNT,
    "redrive_count": _COUNT,
    "max_attempts": _COUNT,
    "due_bucket": _COUNT,
    "timeout_seconds": _NUMBER,
    "payload": _DOCUMENT,
    "result": _DOCUMENT,
    "tags": _TEXTS,
    "error": _ERROR,
    "progress": _PROGRESS,
    "attempts": _Codec(lambda v: {"S": _attempts_to_json(v)}, lambda a: _attempts_from_json(a["S"])),
    "created_at": _MOMENT,
    "updated_at": _MOMENT,
    "queued_at": _MOMENT,
    "started_at": _MOMENT,
    "finished_at": _MOMENT,
    "run_at": _MOMENT,
    "expires_at": _MOMENT,
    "lease_until": _MOMENT,
    "dead_lettered_at": _MOMENT,
    "due_at": _MOMENT,
    "ttl": _TTL,
    "cancel_requested": _FLAG,
    "correlation_id": _TEXT,
    "created_by": _TEXT,
    "canceled_by": _TEXT,
    "retried_by": _TEXT,
}
_ABSENT: tuple[Any, ...] = (None, False, ())


def encode(name: str, value: Any) -> dict[str, Any]:
    """The value of a task's attribute `name`, encoded."""
    encoded: dict[str, Any] = _ATTRIBUTES[name].encode(value)
    return encoded


def to_row(task: Task) -> Row:
    """The row of `task`."""
    return {**row_key(task.owner, task.id), "schema": {"N": str(SCHEMA)}, **attributes(task)}


def attributes(task: Task) -> Row:
    """The row of `task` without its key."""
    row: Row = {}
    for name, codec in _ATTRIBUTES.items():
        value = getattr(task, name)
        if codec.keep_default or value not in _ABSENT:
            row[name] = codec.encode(value)
    return row


def is_same_write(stored: Task, intended: Task) -> bool:
    """Did the write of `intended` leave `stored`? Any other write changes one of these attributes."""
    left, right = attributes(stored), attributes(intended)
    return all(left.get(name) == right.get(name) for name in ("status", "lease", "attempts", "updated_at"))


def from_row(row: Mapping[str, Any]) -> Task:
    """The task of a row or a stream image. Raises: KeyError, ValueError."""
    values = {name: codec.decode(row[name]) for name, codec in _ATTRIBUTES.items() if name in row}
    return Task(id=row["sk"]["S"], owner=owner_of(row), **values)
