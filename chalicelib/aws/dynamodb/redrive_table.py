"""Redrives: one row each in the tasks table, and one for each filter that was used.

A running redrive lies in the due index, in a bucket of its own. Its `due_at` is the end of the lease of the
function that works on it: whoever finds it due takes it on, under the next fencing number.
"""

from __future__ import annotations

from dataclasses import asdict, fields
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from chalicelib.aws.dynamodb.items import number, refused_row
from chalicelib.aws.dynamodb.task_row import Row, encode, moment_of
from chalicelib.domain.redrive import (
    Action,
    Counts,
    Redrive,
    RedriveStatus,
    filter_from_json,
    filter_to_json,
)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

#: No bucket of tasks has this number.
_BUCKET = 1_000_000
_PREFIX = "redrive#"
_COUNTS = tuple(each.name for each in fields(Counts))
_RUNNING = {":running": {"S": RedriveStatus.RUNNING.value}}
#: A function takes on at most so many at a time.
_TAKEN = 4


class RedriveTable:
    """The redrives of all owners."""

    def __init__(self, client: DynamoDBClient, table: str, keep: timedelta) -> None:
        self._client = client
        self._table = table
        self._keep = keep

    # --- For those who ask ------------------------------------------------------------------------

    def create(self, new: Redrive, lease_until: datetime, stale: str | None) -> str | None:
        """Store a new redrive, unless one with the same filter is there: the id of that one.

        One called `stale` does not count: it is over.
        """
        names = {**_guard_key(new), "redrive_id": {"S": new.id}, "ttl": encode("ttl", self._ttl(new))}
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
                            "ExpressionAttributeValues": {":stale": {"S": stale or new.id}},
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
        """The redrive as it is now."""
        answer = self._client.get_item(
            TableName=self._table, Key=_key(owner, redrive_id), ConsistentRead=True
        )
        return _from_item(answer["Item"]) if "Item" in answer else None

    def newest(self, owner: str, before: str | None, limit: int) -> tuple[list[Redrive], str | None]:
        """A page of the owner's redrives, newest first, and the id where the next one goes on."""
        query: dict[str, Any] = {
            "TableName": self._table,
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": {":pk": {"S": f"{_PREFIX}{owner}"}},
            "ScanIndexForward": False,
            "ConsistentRead": True,
            "Limit": limit,
        }
        if before is not None:
            query["KeyConditionExpression"] += " AND sk < :before"
            query["ExpressionAttributeValues"][":before"] = {"S": before}
        answer = self._client.query(**query)
        last = answer.get("LastEvaluatedKey")
        return [_from_item(item) for item in answer["Items"]], last["sk"]["S"] if last else None

    def abort(self, owner: str, redrive_id: str, now: datetime) -> bool:
        """Stop a redrive; False when it does not run."""
        end = _End(RedriveStatus.ABORTED, now, now + self._keep)
        return self._write(_key(owner, redrive_id), end.sets, end.removes, "#status = :running", _RUNNING)

    # --- For the function that works on one -------------------------------------------------------

    def due(self, now: datetime) -> list[tuple[str, str]]:
        """(owner, id) of some running redrives that nobody works on, those that wait longest first."""
        answer = self._client.query(
            TableName=self._table,
            IndexName="due",
            KeyConditionExpression="due_bucket = :bucket AND due_at <= :now",
            ExpressionAttributeValues={":bucket": number(_BUCKET), ":now": encode("due_at", now)},
            Limit=_TAKEN,
        )
        return [(item["pk"]["S"].removeprefix(_PREFIX), item["sk"]["S"]) for item in answer["Items"]]

    def take(self, owner: str, redrive_id: str, now: datetime, lease_until: datetime) -> Redrive | None:
        """Take a redrive on until `lease_until`; None when somebody else did, or it is over."""
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
                    ":until": encode("due_at", lease_until),
                    ":now": encode("due_at", now),
                    ":one": number(1),
                },
                ReturnValues="ALL_NEW",
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return None
        return _from_item(answer["Attributes"])

    def save(self, redrive: Redrive, due_at: datetime) -> bool:
        """Store how far it has come, and when it is due again; False when it is not ours any more.

        What was done before an abort is counted all the same.
        """
        sets = _progress(redrive)
        if self._write_mine(redrive, {**sets, "due_at": encode("due_at", due_at)}, (), running=True):
            return True
        self._write_mine(redrive, sets, (), running=False)
        return False

    def finish(self, redrive: Redrive, status: RedriveStatus, now: datetime) -> bool:
        """Store its end; False when it is not ours any more."""
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
            # Our own first copy, whose answer was lost, has left what we wanted.
            row = refused_row(refusal) or {}
            return "status" in sets and row.get("status") == sets["status"]
        return True

    def _ttl(self, redrive: Redrive) -> datetime:
        return redrive.created_at + self._keep


class _End:
    """What a row gets and loses when its redrive is over."""

    removes = ("due_at", "due_bucket")

    def __init__(self, status: RedriveStatus, now: datetime, ttl: datetime) -> None:
        self.sets: Row = {
            "status": {"S": status.value},
            "finished_at": encode("finished_at", now),
            "updated_at": encode("updated_at", now),
            "ttl": encode("ttl", ttl),
        }


def _key(owner: str, redrive_id: str) -> Row:
    return {"pk": {"S": f"{_PREFIX}{owner}"}, "sk": {"S": redrive_id}}


def _guard_key(redrive: Redrive) -> Row:
    return {"pk": {"S": f"redrive-filter#{redrive.owner}"}, "sk": {"S": redrive.fingerprint}}


def _progress(redrive: Redrive) -> Row:
    position: Row = {} if redrive.position is None else {"position": {"S": redrive.position}}
    counts = {name: number(count) for name, count in asdict(redrive.counts).items()}
    return {
        **counts,
        **position,
        "errors": number(redrive.errors),
        "updated_at": encode("updated_at", redrive.updated_at),
    }


def _to_item(new: Redrive, lease_until: datetime) -> Row:
    return {
        **_key(new.owner, new.id),
        **_progress(new),
        "action": {"S": new.action.value},
        "filter": {"S": filter_to_json(new.filter)},
        "rate": number(new.rate),
        "status": {"S": new.status.value},
        "lease": number(new.lease),
        "created_at": encode("created_at", new.created_at),
        **({} if new.by is None else {"by": {"S": new.by}}),
        "due_bucket": number(_BUCKET),
        "due_at": encode("due_at", lease_until),
    }


def _from_item(item: Row) -> Redrive:
    return Redrive(
        id=item["sk"]["S"],
        owner=item["pk"]["S"].removeprefix(_PREFIX),
        action=Action(item["action"]["S"]),
        filter=filter_from_json(item["filter"]["S"]),
        rate=int(item["rate"]["N"]),
        created_at=moment_of(item["created_at"]),
        updated_at=moment_of(item["updated_at"]),
        by=item["by"]["S"] if "by" in item else None,
        status=RedriveStatus(item["status"]["S"]),
        counts=Counts(**{name: int(item[name]["N"]) for name in _COUNTS}),
        position=item["position"]["S"] if "position" in item else None,
        finished_at=moment_of(item["finished_at"]) if "finished_at" in item else None,
        lease=int(item["lease"]["N"]),
        errors=int(item["errors"]["N"]),
    )
