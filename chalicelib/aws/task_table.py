"""The tasks table: every write that PROTOCOL's transitions allow, each under its condition.

A write answers the stored task, or `Refused` with the row as it is. Refused is an answer, not an error: it
says that somebody else moved the task first, and the caller knows what that means for its transition.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from chalicelib.aws.batch_get import batch_get
from chalicelib.aws.claim import WAITING, claim_request
from chalicelib.aws.document_table import DocumentTable
from chalicelib.aws.expressions import names as _names
from chalicelib.aws.expressions import number as _count
from chalicelib.aws.expressions import refused_row as _refused_row
from chalicelib.aws.task_row import Row, attributes, encode, from_row, is_same_write, row_key, to_row
from chalicelib.domain.task import Progress, Refused, Task, TaskStatus

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import UpdateItemInputTypeDef


class TaskTable:
    """Tasks by id, with their payloads and results."""

    def __init__(
        self, client: DynamoDBClient, table: str, documents: DocumentTable, threads: Executor
    ) -> None:
        self._client = client
        self._table = table
        self._documents = documents
        self._threads = threads

    # --- Reading --------------------------------------------------------------------------------

    def get(self, owner: str, task_id: str, *, documents: bool = False) -> Task | None:
        """The task as it is now, with its payload and result when `documents`; None when there is none."""
        answer = self._client.get_item(
            TableName=self._table, Key=row_key(owner, task_id), ConsistentRead=True
        )
        if "Item" not in answer:
            return None
        task = from_row(answer["Item"])
        return self.load([task])[0] if documents else task

    def ping(self) -> None:
        """Ask the table for nothing: whoever cannot reach it gets the error."""
        self._client.get_item(TableName=self._table, Key={"pk": {"S": "ping"}, "sk": {"S": "ping"}})

    @staticmethod
    def with_documents_of(known: Task, stored: Task) -> Task:
        """`stored` as it came from its row, with the payload and result that are known already."""
        return replace(stored, payload=known.payload, result=known.result)

    def load(self, tasks: Iterable[Task]) -> list[Task]:
        """The same tasks with payloads and results read from their own items, in one request."""
        return self._documents.load(tasks)

    def get_many(self, names: Sequence[tuple[str, str]]) -> list[Task]:
        """Those of the (owner, id) that exist, as they are now, in no particular order."""
        keys = [row_key(owner, task_id) for owner, task_id in dict.fromkeys(names)]
        return [from_row(row) for row in batch_get(self._client, self._table, keys)]

    def deaths(self, names: Sequence[tuple[str, str]]) -> set[str]:
        """The deaths, as `id#redrive_count`, of those of the (owner, id) that are dead now."""
        keys = [row_key(owner, task_id) for owner, task_id in dict.fromkeys(names)]
        rows = batch_get(self._client, self._table, keys, ("sk", "status", "redrive_count"))
        failed = {"S": TaskStatus.FAILED.value}
        return {f"{row['sk']['S']}#{row['redrive_count']['N']}" for row in rows if row["status"] == failed}

    # --- A1: create -----------------------------------------------------------------------------

    def create(self, task: Task) -> None:
        """Store a new task. Its id is fresh: a refusal is our own first copy, whose answer was lost."""
        if task.payload.stored_apart:
            self._documents.put_payload(task)
        try:
            self._client.put_item(
                TableName=self._table, Item=to_row(task), ConditionExpression="attribute_not_exists(pk)"
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return

    def create_many(self, tasks: Sequence[Task]) -> list[Exception | None]:
        """Store new tasks side by side; for each, None or the error that kept it from being stored."""
        return list(self._threads.map(lambda task: _error_of(self.create, task), tasks))

    # --- T1 to T7: what a worker writes ---------------------------------------------------------

    def claim(
        self,
        owner: str,
        task_id: str,
        *,
        now: datetime,
        margin: timedelta,
        claim_id: str,
        paused: Collection[str] = (),
    ) -> Task | Refused:
        """Take the lease of a task that may start now, and whose type is not `paused` (T1).

        The lease lasts for the task's own timeout and `margin`. `claim_id` is drawn by the caller: with it a
        claim whose answer was lost knows itself again. `Refused` tells the task only when its type is paused.
        """
        request = claim_request(
            row_key(owner, task_id), now=now, until=now + margin, claim_id=claim_id, paused=sorted(paused)
        )
        try:
            row: Row = self._client.update_item(TableName=self._table, **request)["Attributes"]
        except self._client.exceptions.ConditionalCheckFailedException as refusal:
            found = _refused_row(refusal) or {}
            if found.get("claim_id") != {"S": claim_id} or found["status"] != {"S": "running"}:
                held = found.get("type", {}).get("S") in paused
                return Refused(current=from_row(found) if held else None)
            row = found
        return self.load([from_row(row)])[0]

    def extend(
        self, task: Task, progress: Progress, *, now: datetime, lease_until: datetime
    ) -> Task | Refused:
        """Store the progress of a run and lengthen its lease (T2)."""
        values = {
            ":progress": encode("progress", progress),
            ":until": encode("lease_until", lease_until),
            ":now": encode("updated_at", now),
            ":one": {"N": "1"},
            **_mine(task),
        }
        return self._update(
            task,
            "SET #progress = :progress, lease_until = :until, updated_at = :now, #version = #version + :one",
            "#status = :running AND #lease = :lease AND lease_until <= :until",
            names=_names("progress", "version", "status", "lease"),
            values=values,
        )

    def finish(self, claimed: Task, after: Task, *, unless_cancel_requested: bool) -> Task | Refused:
        """Store the outcome of a run that still holds its lease (T3 to T7); a big result goes first."""
        if after.result is not None and after.result.stored_apart:
            self._documents.put_result(after)
        condition = "#status = :running AND #lease = :lease"
        if unless_cancel_requested:
            condition += " AND attribute_not_exists(cancel_requested)"
        stored = self._change(claimed, after, condition, _names("status", "lease"), _mine(claimed))
        return self._recognised(stored, after)

    # --- A3 to A5, S1 to S6, M2: what was decided on a row that was read ---------------------------

    def replace_seen(self, seen: Task, after: Task) -> Task | Refused:
        """Store a change decided on `seen`, if nobody changed the task since (A3 to A5)."""
        stored = self._change(
            seen, after, "#version = :seen", _names("version"), {":seen": _count(seen.version)}
        )
        return self._recognised(stored, after)

    def replace_due(self, seen: Task, after: Task) -> Task | Refused:
        """Store what the sweep decided on `seen`, if neither the task nor its due time moved (S1 to S5)."""
        assert seen.due_at is not None, "the sweep looks at due tasks only"
        return self._change(
            seen,
            after,
            "#version = :seen AND due_at = :due",
            _names("version"),
            {":seen": _count(seen.version), ":due": encode("due_at", seen.due_at)},
        )

    def confirm_dead_letter(self, seen: Task, after: Task) -> Task | Refused:
        """Store that the dead letter of this death is on its way (S6)."""
        return self._change(
            seen,
            after,
            "#status = :failed AND redrive_count = :life AND attribute_exists(due_at)",
            _names("status"),
            {":failed": {"S": TaskStatus.FAILED.value}, ":life": _count(seen.redrive_count)},
        )

    def condemn(self, seen: Task, after: Task, lease: int) -> Task | Refused:
        """Fail a task that nobody claimed or redrove since its message was sent (M2)."""
        return self._change(
            seen,
            after,
            "#status IN (:queued, :scheduled, :retrying) AND #lease = :lease",
            _names("status", "lease"),
            {**{f":{status}": {"S": status} for status in WAITING}, ":lease": _count(lease)},
        )

    def delete(self, seen: Task) -> bool:
        """Remove a finished task with its payload and result; False when somebody changed it since."""
        try:
            self._client.delete_item(
                TableName=self._table,
                Key=row_key(seen.owner, seen.id),
                ConditionExpression="attribute_not_exists(pk) OR #version = :seen",
                ExpressionAttributeNames=_names("version"),
                ExpressionAttributeValues={":seen": _count(seen.version)},
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return False
        self._documents.delete(seen)
        return True

    # --- The pieces -----------------------------------------------------------------------------

    def _change(
        self,
        before: Task,
        after: Task,
        condition: str,
        names: dict[str, str],
        values: Row,
    ) -> Task | Refused:
        """Write the difference of two tasks. `due_at` is written whenever the status changes: the sweep may
        have moved it meanwhile."""
        old, new = attributes(before), attributes(after)
        public = {k for k in old.keys() | new.keys() if old.get(k) != new.get(k)} - {"version"}
        changed = public | ({"due_at"} if before.status is not after.status else set())
        sets = [f"#{name} = :new_{name}" for name in sorted(changed) if name in new]
        removes = [f"#{name}" for name in sorted(changed) if name not in new]
        values = {**values, **{f":new_{name}": new[name] for name in changed if name in new}}
        names = {**names, **_names(*changed)}
        if public - {"due_at", "due_bucket"}:
            sets.append("#version = #version + :one")
            names["#version"] = "version"
            values[":one"] = {"N": "1"}
        expression = ("SET " + ", ".join(sets) if sets else "") + (
            " REMOVE " + ", ".join(removes) if removes else ""
        )
        stored = self._update(before, expression, condition, names=names, values=values)
        return stored if isinstance(stored, Refused) else self.with_documents_of(after, stored)

    def _recognised(self, stored: Task | Refused, after: Task) -> Task | Refused:
        """The answer to a write, also when our own first copy of it arrived and only its answer was lost."""
        if isinstance(stored, Refused) and stored.current and is_same_write(stored.current, after):
            return self.with_documents_of(after, stored.current)
        return stored

    def _update(
        self,
        task: Task,
        expression: str,
        condition: str,
        *,
        names: dict[str, str],
        values: Row,
    ) -> Task | Refused:
        request: UpdateItemInputTypeDef = {
            "TableName": self._table,
            "Key": row_key(task.owner, task.id),
            "UpdateExpression": expression.strip(),
            "ConditionExpression": condition,
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": values,
            "ReturnValues": "ALL_NEW",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        try:
            answer = self._client.update_item(**request)
        except self._client.exceptions.ConditionalCheckFailedException as refusal:
            row = _refused_row(refusal)
            return Refused(current=from_row(row) if row else None)
        return from_row(answer["Attributes"])


def _mine(task: Task) -> Row:
    return {":running": {"S": TaskStatus.RUNNING.value}, ":lease": _count(task.lease)}


def _error_of(store: Any, task: Task) -> Exception | None:
    try:
        store(task)
    except Exception as error:  # one task of a batch must not stop the others
        return error
    return None
