"""Redrives in the tasks table: one row a redrive, and one for each filter in use.

A running redrive is in the due index, in a bucket of its own. Its `due_at` is the end of the lease of the
function that works on it. A sweep that finds it due takes it over with the next lease number.
"""

from __future__ import annotations

from dataclasses import asdict, fields
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from chalicelib.aws.dynamodb.items import Row, moment, number, read_moment, refused_row, text, ttl
from chalicelib.domain.redrive import (
    Action,
    Counts,
    Redrive,
    RedriveStatus,
    filter_from_json,
    filter_to_json,
)

if TYPE_CHECKING:
    from chalicelib.aws.sdk.protocols import DynamoDB

#: No bucket of tasks has this number.
_BUCKET = 1_000_000
_PREFIX = "redrive#"
_COUNTS = tuple(each.name for each in fields(Counts))
_RUNNING = {":running": text(RedriveStatus.RUNNING.value)}
#: The most redrives that a function takes over at a time.
_TAKEN = 4


class RedriveTable:
    """The redrives of all owners."""

    def __init__(self, client: DynamoDB, table: str, keep: timedelta) -> None:
        self._client = client
        self._table = table
        self._keep = keep

    # --- Requests of users ------------------------------------------------------------------------

    def create(self, new: Redrive, lease_until: datetime, stale: str | None) -> str | None:
        """Store a new redrive. Returns the id of another one with the same filter, if any; then it is not.

        The redrive `stale`, which has ended, does not count.
        """
        names = {**_guard_key(new), "redrive_id": text(new.id), "ttl": ttl(self._ttl(new))}
        try:
            self._client.transact_write_items(
                ClientRequestToken=new.id,
                TransactItems=[
                    {
                        "Put": {
                            "TableName": self._table,
                            "Item": names,
                            # guard: bulk-redrive.one-per-filter
                            "ConditionExpression": "attribute_not_exists(pk) OR redrive_id = :stale",
                            "ExpressionAttributeValues": {":stale": text(stale or new.id)},
                        }
                    },
                    {"Put": {"TableName": self._table, "Item": _to_item(new, lease_until)}},
                ],
            )
        except self._client.exceptions.TransactionCanceledException:
            answer = self._client.get_item(TableName=self._table, Key=_guard_key(new), ConsistentRead=True)
            return answer["Item"]["redrive_id"]["S"] if "Item" in answer else ""
        return None

    def get(self, owner: str, redrive_id: str) -> Redrive | None:
        """The current redrive, or None."""
        answer = self._client.get_item(
            TableName=self._table, Key=_key(owner, redrive_id), ConsistentRead=True
        )
        return _from_item(answer["Item"]) if "Item" in answer else None

    def newest(self, owner: str, before: str | None, limit: int) -> tuple[list[Redrive], str | None]:
        """A page of the owner's redrives, newest first, and the id where the next page starts."""
        query: dict[str, Any] = {
            "TableName": self._table,
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": {":pk": text(f"{_PREFIX}{owner}")},
            "ScanIndexForward": False,
            "ConsistentRead": True,
            "Limit": limit,
        }
        if before is not None:
            query["KeyConditionExpression"] += " AND sk < :before"
            query["ExpressionAttributeValues"][":before"] = text(before)
        answer = self._client.query(**query)
        last = answer.get("LastEvaluatedKey")
        return [_from_item(item) for item in answer["Items"]], last["sk"]["S"] if last else None

    def abort(self, owner: str, redrive_id: str, now: datetime) -> bool:
        """Stop a redrive. False when it does not run."""
        end = _End(RedriveStatus.ABORTED, now, now + self._keep)
        return self._write(_key(owner, redrive_id), end.sets, end.removes, "#status = :running", _RUNNING)

    # --- The function that works on a redrive -----------------------------------------------------

    def due(self, now: datetime) -> list[tuple[str, str]]:
        """(owner, id) of some running redrives whose leases have ended, the oldest lease first."""
        answer = self._client.query(
            TableName=self._table,
            IndexName="due",
            KeyConditionExpression="due_bucket = :bucket AND due_at <= :now",
            ExpressionAttributeValues={":bucket": number(_BUCKET), ":now": moment(now)},
            Limit=_TAKEN,
        )
        return [(item["pk"]["S"].removeprefix(_PREFIX), item["sk"]["S"]) for item in answer["Items"]]

    def take(self, owner: str, redrive_id: str, now: datetime, lease_until: datetime) -> Redrive | None:
        """Take a redrive over until `lease_until`. None when another function did, or it has ended."""
        try:
            answer = self._client.update_item(
                TableName=self._table,
                Key=_key(owner, redrive_id),
                # guard: bulk-redrive.counts-lease
                UpdateExpression="SET due_at = :until, #lease = #lease + :one",
                ConditionExpression=(
                    "#status = :running"
                    # guard: bulk-redrive.lease-over
                    " AND due_at <= :now"
                ),
                ExpressionAttributeNames={"#lease": "lease", "#status": "status"},
                ExpressionAttributeValues={
                    **_RUNNING,
                    ":until": moment(lease_until),
                    ":now": moment(now),
                    ":one": number(1),
                },
                ReturnValues="ALL_NEW",
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return None
        return _from_item(answer["Attributes"])

    def save(self, redrive: Redrive, due_at: datetime) -> bool:
        """Store progress and the next due time. False when the lease was lost.

        Progress before an abort is stored, too.
        """
        sets = _progress(redrive)
        if self._write_mine(redrive, {**sets, "due_at": moment(due_at)}, (), running=True):
            return True
        self._write_mine(redrive, sets, (), running=False)
        return False

    def finish(self, redrive: Redrive, status: RedriveStatus, now: datetime) -> bool:
        """Store the end of a redrive. False when the lease was lost."""
        end = _End(status, now, now + self._keep)
        return self._write_mine(redrive, {**_progress(redrive), **end.sets}, end.removes, running=True)

    def _write_mine(self, redrive: Redrive, sets: Row, removes: tuple[str, ...], *, running: bool) -> bool:
        condition = "#lease = :lease"  # guard: bulk-redrive.lease-held
        if running:
            condition += " AND #status = :running"  # guard: bulk-redrive.running
        values = {":lease": number(redrive.lease), **(_RUNNING if running else {})}
        return self._write(_key(redrive.owner, redrive.id), sets, removes, condition, values)

    def _write(self, key: Row, sets: Row, removes: tuple[str, ...], condition: str, values: Row) -> bool:
        used = {*sets, *removes, *(name for name in ("lease", "status") if f"#{name}" in condition)}
        expression = "SET " + ", ".join(f"#{name} = :new_{name}" for name in sets)
        if removes:
            expression += " REMOVE " + ", ".join(f"#{name}" for name in removes)
        try:
            self._client.update_item(
                TableName=self._table,
                Key=key,
                UpdateExpression=expression,
                ConditionExpression=condition,
                ExpressionAttributeNames={f"#{name}": name for name in used},
                ExpressionAttributeValues={
                    **values,
                    **{f":new_{name}": value for name, value in sets.items()},
                },
            )
        except self._client.exceptions.ConditionalCheckFailedException as refusal:
            # Our own first copy, whose response was lost, may have stored the same end.
            row = refused_row(refusal) or {}
            return "status" in sets and row.get("status") == sets["status"]
        return True

    def _ttl(self, redrive: Redrive) -> datetime:
        return redrive.created_at + self._keep


class _End:
    """The changes of a row when its redrive ends."""

    removes = ("due_at", "due_bucket")

    def __init__(self, status: RedriveStatus, now: datetime, delete_at: datetime) -> None:
        self.sets: Row = {
            "status": text(status.value),
            "finished_at": moment(now),
            "updated_at": moment(now),
            "ttl": ttl(delete_at),
        }


def _key(owner: str, redrive_id: str) -> Row:
    return {"pk": text(f"{_PREFIX}{owner}"), "sk": text(redrive_id)}


def _guard_key(redrive: Redrive) -> Row:
    return {"pk": text(f"redrive-filter#{redrive.owner}"), "sk": text(redrive.fingerprint)}


def _progress(redrive: Redrive) -> Row:
    position: Row = {} if redrive.position is None else {"position": text(redrive.position)}
    counts = {name: number(count) for name, count in asdict(redrive.counts).items()}
    return {
        **counts,
        **position,
        "errors": number(redrive.errors),
        "updated_at": moment(redrive.updated_at),
    }


def _to_item(new: Redrive, lease_until: datetime) -> Row:
    return {
        **_key(new.owner, new.id),
        **_progress(new),
        "action": text(new.action.value),
        "filter": text(filter_to_json(new.filter)),
        "rate": number(new.rate),
        "status": text(new.status.value),
        "lease": number(new.lease),
        "created_at": moment(new.created_at),
        **({} if new.by is None else {"by": text(new.by)}),
        "due_bucket": number(_BUCKET),
        "due_at": moment(lease_until),
    }


def _from_item(item: Row) -> Redrive:
    return Redrive(
        id=item["sk"]["S"],
        owner=item["pk"]["S"].removeprefix(_PREFIX),
        action=Action(item["action"]["S"]),
        filter=filter_from_json(item["filter"]["S"]),
        rate=int(item["rate"]["N"]),
        created_at=read_moment(item["created_at"]),
        updated_at=read_moment(item["updated_at"]),
        by=item["by"]["S"] if "by" in item else None,
        status=RedriveStatus(item["status"]["S"]),
        counts=Counts(**{name: int(item[name]["N"]) for name in _COUNTS}),
        position=item["position"]["S"] if "position" in item else None,
        finished_at=read_moment(item["finished_at"]) if "finished_at" in item else None,
        lease=int(item["lease"]["N"]),
        errors=int(item["errors"]["N"]),
    )
