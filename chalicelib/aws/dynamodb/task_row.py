"""A task as a DynamoDB row, and back.

An attribute is left out when it has its field's default, but for the counters of the protocol. Times are
epoch seconds to the millisecond, so that conditions can compare them and a claim can add a timeout to one.
A document is its JSON text (S), or its size (N) when the text lies in an item of its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.domain.documents import Document
from chalicelib.domain.formats import to_json
from chalicelib.domain.ids import bucket_of
from chalicelib.domain.task import Attempt, ErrorKind, Progress, Task, TaskError, TaskStatus

#: Attribute name to attribute value, as DynamoDB writes it: {"status": {"S": "queued"}}.
Row = dict[str, Any]

#: Version of this layout. Rows of other versions must stay readable while old and new code run together.
SCHEMA = 1
KEY_PREFIX = "task#"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def partition_key(owner: str, bucket: int) -> str:
    """The partition of one owner's tasks in one bucket."""
    return f"{KEY_PREFIX}{owner}#{bucket:02x}"


def row_key(owner: str, task_id: str) -> Row:
    """The primary key of a task."""
    return {"pk": {"S": partition_key(owner, bucket_of(task_id))}, "sk": {"S": task_id}}


def owner_of(row: Mapping[str, Any]) -> str:
    """The owner in a row's or a stream record's key."""
    return str(row["pk"]["S"])[len(KEY_PREFIX) :].rpartition("#")[0]


def is_task_row(row: Mapping[str, Any]) -> bool:
    """Is it a task, and not one of the table's other items?"""
    return str(row["pk"]["S"]).startswith(KEY_PREFIX)


def milliseconds(moment: datetime) -> int:
    """Epoch milliseconds."""
    return (moment - _EPOCH) // _MILLISECOND


def moment(value: str | int) -> datetime:
    """The moment of epoch milliseconds."""
    return _EPOCH + int(value) * _MILLISECOND


def _epoch_seconds(moment: datetime) -> str:
    whole, rest = divmod(milliseconds(moment), 1000)
    return f"{whole}.{rest:03d}"


def moment_of(attribute: Mapping[str, str]) -> datetime:
    """The moment in an attribute of epoch seconds."""
    return moment(round(float(attribute["N"]) * 1000))


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


def _error_to_plain(error: TaskError | None) -> dict[str, str] | None:
    return None if error is None else {"kind": error.kind.value, "type": error.type, "message": error.message}


def _error_from_plain(plain: Mapping[str, str] | None) -> TaskError | None:
    if plain is None:
        return None
    return TaskError(kind=ErrorKind(plain["kind"]), type=plain["type"], message=plain["message"])


def _attempts_to_json(attempts: tuple[Attempt, ...]) -> str:
    return to_json(
        [
            [
                entry.number,
                entry.lease,
                milliseconds(entry.started_at),
                None if entry.finished_at is None else milliseconds(entry.finished_at),
                entry.outcome,
                _error_to_plain(entry.error),
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
            started_at=moment(started),
            finished_at=None if finished is None else moment(finished),
            outcome=outcome,
            error=_error_from_plain(error),
            next_wait_seconds=wait,
        )
        for number, lease, started, finished, outcome, error, wait in json.loads(text)
    )


_TEXT = _Codec(lambda v: {"S": v}, lambda a: a["S"])
_COUNT = _Codec(lambda v: {"N": str(v)}, lambda a: int(a["N"]), keep_default=True)
_NUMBER = _Codec(lambda v: {"N": repr(v)}, lambda a: float(a["N"]))
_FLAG = _Codec(lambda v: {"BOOL": v}, lambda a: a["BOOL"])
_MOMENT = _Codec(lambda v: {"N": _epoch_seconds(v)}, moment_of)
#: DynamoDB's TTL wants whole seconds.
_WHOLE_SECONDS = _Codec(lambda v: {"N": str(milliseconds(v) // 1000)}, lambda a: moment(int(a["N"]) * 1000))
_TEXTS = _Codec(lambda v: {"L": [{"S": t} for t in v]}, lambda a: tuple(t["S"] for t in a["L"]))
_DOCUMENT = _Codec(_encode_document, _decode_document)
_ERROR = _Codec(lambda v: {"S": to_json(_error_to_plain(v))}, lambda a: _error_from_plain(json.loads(a["S"])))
_PROGRESS = _Codec(
    lambda v: {"S": to_json([v.percent, v.message])},
    lambda a: Progress(percent=json.loads(a["S"])[0], message=json.loads(a["S"])[1]),
)

#: Every attribute but the key, with the default that is left out.
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
    "ttl": _WHOLE_SECONDS,
    "cancel_requested": _FLAG,
    "correlation_id": _TEXT,
    "created_by": _TEXT,
    "canceled_by": _TEXT,
    "retried_by": _TEXT,
}
_ABSENT: tuple[Any, ...] = (None, False, ())


def encode(name: str, value: Any) -> dict[str, Any]:
    """The attribute `name` with this value."""
    encoded: dict[str, Any] = _ATTRIBUTES[name].encode(value)
    return encoded


def to_row(task: Task) -> Row:
    """The whole row of `task`."""
    return {**row_key(task.owner, task.id), "schema": {"N": str(SCHEMA)}, **attributes(task)}


def attributes(task: Task) -> Row:
    """The row of `task` without its key."""
    row: Row = {}
    for name, codec in _ATTRIBUTES.items():
        value = getattr(task, name)
        if codec.keep_default or value not in _ABSENT:
            row[name] = codec.encode(value)
    return row


def is_same_write(stored: Task, wanted: Task) -> bool:
    """Was `stored` left by the write that wants `wanted`? Any other moved the task elsewhere, or later."""
    there, here = attributes(stored), attributes(wanted)
    return all(there.get(name) == here.get(name) for name in ("status", "lease", "attempts", "updated_at"))


def from_row(row: Mapping[str, Any]) -> Task:
    """The task of a row or a stream image. Raises: KeyError or ValueError when it is not one."""
    values = {name: codec.decode(row[name]) for name, codec in _ATTRIBUTES.items() if name in row}
    return Task(id=row["sk"]["S"], owner=owner_of(row), **values)
