"""The tasks table: one conditional write for each transition in docs/explanation/protocol.md.

A write returns the stored task, or `Conflict` with the current one. A conflict is a result, not an error:
another process changed the task first, and each caller decides what that means for it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from chalicelib.aws.dynamodb.claim import WAITING, claim_request, claimed_by
from chalicelib.aws.dynamodb.document_table import DocumentTable
from chalicelib.aws.dynamodb.items import Row, batch_get, moment, names, number, text
from chalicelib.aws.dynamodb.partiql import ABSENT
from chalicelib.aws.dynamodb.task_change import change_request
from chalicelib.aws.dynamodb.task_row import encode, from_row, is_same_write, row_key, to_row
from chalicelib.aws.dynamodb.writes import Request, WriteResult, Writes
from chalicelib.domain.task import Conflict, Progress, Task, TaskStatus

if TYPE_CHECKING:
    from chalicelib.aws.sdk.protocols import DynamoDB


class TaskTable:
    """Tasks by id, with their payloads and results."""

    def __init__(self, client: DynamoDB, table: str, documents: DocumentTable, threads: Executor) -> None:
        self._client = client
        self._table = table
        self._documents = documents
        self._writes = Writes(client, threads)

    # --- Reading --------------------------------------------------------------------------------

    def get(self, owner: str, task_id: str, *, documents: bool = False) -> Task | None:
        """The current task, or None. `documents` adds a payload and a result that are stored apart."""
        response = self._client.get_item(
            TableName=self._table, Key=row_key(owner, task_id), ConsistentRead=True
        )
        if "Item" not in response:
            return None
        task = from_row(response["Item"])
        return self.load([task])[0] if documents else task

    def ping(self) -> None:
        """Read nothing. Raises: Outage when DynamoDB does not answer; ServiceError."""
        self._client.get_item(TableName=self._table, Key={"pk": text("ping"), "sk": text("ping")})

    @staticmethod
    def with_documents_of(known: Task, stored: Task) -> Task:
        """`stored`, read from a row, with the payload and result of `known`."""
        return replace(stored, payload=known.payload, result=known.result)

    def load(self, tasks: Iterable[Task]) -> list[Task]:
        """The same tasks with the payloads and results that are stored apart, read in one request."""
        return self._documents.load(tasks)

    def get_many(self, names: Sequence[tuple[str, str]]) -> list[Task]:
        """The current tasks among (owner, id), in no order."""
        keys = [row_key(owner, task_id) for owner, task_id in dict.fromkeys(names)]
        return [from_row(row) for row in batch_get(self._client, self._table, keys)]

    def dead_letter_keys(self, names: Sequence[tuple[str, str]]) -> set[str]:
        """The dead letter keys, `id#redrive_count`, of the tasks among (owner, id) that have failed."""
        keys = [row_key(owner, task_id) for owner, task_id in dict.fromkeys(names)]
        rows = batch_get(self._client, self._table, keys, ("sk", "status", "redrive_count"))
        failed = text(TaskStatus.FAILED.value)
        return {f"{row['sk']['S']}#{row['redrive_count']['N']}" for row in rows if row["status"] == failed}

    # --- Create ---------------------------------------------------------------------------------

    def create(self, task: Task) -> None:
        """Store a new task."""
        (error,) = self.create_many([task])
        if error is not None:
            raise error

    def create_many(self, tasks: Sequence[Task]) -> list[Exception | None]:
        """Store new tasks. Returns None or an error for each.

        A refused write is a success: the id is fresh, so the row is our own first copy of the write, whose
        response was lost.
        """
        failed = self._documents.put_payloads([task for task in tasks if task.payload.stored_apart])
        new = [task for task in tasks if task.id not in failed]
        results = self._writes.many(
            # guard: create.only-if-absent
            [{"TableName": self._table, "Item": to_row(each), "ConditionExpression": ABSENT} for each in new]
        )
        for task, result in zip(new, results, strict=True):
            if isinstance(result, Exception):
                failed[task.id] = result
        return [failed.get(task.id) for task in tasks]

    # --- Claim, report progress, finish ---------------------------------------------------------

    def claim_many(
        self,
        claims: Sequence[tuple[str, str, str]],
        *,
        now: datetime,
        margin: timedelta,
        paused: Collection[str] = (),
    ) -> list[Task | Conflict | Exception]:
        """Claim each (owner, task id, claim id) that may start and whose type is not `paused`.

        A lease lasts for the task's own timeout and `margin`. The caller draws a new claim id for each claim;
        a retried claim recognizes its first copy by it. `Conflict` shows the task only when its type is
        paused.
        """
        terms: Any = {"now": now, "until": now + margin, "paused": sorted(paused)}
        results = self._writes.many(
            [
                claim_request(self._table, row_key(owner, task_id), claim_id=claim_id, **terms)
                for owner, task_id, claim_id in claims
            ]
        )
        return self._loaded(
            [
                _decoded(result, partial(claimed_by, claim_id=claim_id, paused=paused))
                for (_, _, claim_id), result in zip(claims, results, strict=True)
            ]
        )

    def _loaded(self, claimed: list[Task | Conflict | Exception]) -> list[Task | Conflict | Exception]:
        """The same, with the payloads that are stored apart. An unreadable payload is an error."""
        apart = [each for each in claimed if isinstance(each, Task) and each.payload.missing]
        loaded: dict[str, Task | Exception]
        try:
            loaded = {task.id: task for task in self.load(apart)}
        except Exception as error:  # the other tasks need no payload
            loaded = {task.id: error for task in apart}
        return [loaded.get(each.id, each) if isinstance(each, Task) else each for each in claimed]

    def extend(
        self, task: Task, progress: Progress, *, now: datetime, lease_until: datetime
    ) -> Task | Conflict:
        """Report progress: store it and extend the lease."""
        values = {
            ":progress": encode("progress", progress),
            ":until": moment(lease_until),
            ":now": moment(now),
            ":one": number(1),
            **_mine(task),
        }
        result = self._writes.one(
            {
                "TableName": self._table,
                "Key": row_key(task.owner, task.id),
                "UpdateExpression": (
                    "SET #progress = :progress, lease_until = :until, updated_at = :now,"
                    " #version = #version + :one"
                ),
                "ConditionExpression": (
                    "#status = :running"
                    " AND #lease = :lease"  # guard: progress.lease-held
                    " AND lease_until <= :until"  # guard: progress.lease-only-grows
                ),
                "ExpressionAttributeNames": names("progress", "version", "status", "lease"),
                "ExpressionAttributeValues": values,
            }
        )
        return self._stored(result, task)

    def finish_many(self, runs: Sequence[tuple[Task, Task, bool]]) -> list[Task | Conflict | Exception]:
        """Store the outcomes of runs that still hold their leases, after results that are stored apart.

        Each run is the claimed task, the finished task, and whether a cancel request refuses the outcome.
        """
        failed = self._documents.put_results(  # guard: result.before-row
            [after for _, after, _ in runs if after.result is not None and after.result.stored_apart]
        )
        stored: dict[str, Task | Conflict | Exception] = {**failed}
        requests: list[tuple[Task, Request]] = []
        for run in (run for run in runs if run[1].id not in failed):
            try:
                requests.append((run[1], self._finish_request(*run)))
            except (TypeError, ValueError) as error:  # this outcome cannot be encoded
                stored[run[1].id] = error
        written = self._writes.many([request for _, request in requests])  # guard: result.before-row
        for (after, _), result in zip(requests, written, strict=True):
            stored[after.id] = _decoded(result, partial(self._finished, after=after))
        return [stored[after.id] for _, after, _ in runs]

    def _finished(self, result: WriteResult, after: Task) -> Task | Conflict:
        return self._recognized(self._stored(result, after), after)

    def _finish_request(self, claimed: Task, after: Task, unless_cancel_requested: bool) -> Request:
        condition = (
            "#status = :running"  # guard: finish.running
            " AND #lease = :lease"  # guard: finish.lease-held, finish.fenced-by-lease
        )
        if unless_cancel_requested:
            condition += " AND attribute_not_exists(cancel_requested)"
        held = _mine(claimed)  # guard: finish.fenced-by-lease
        return change_request(self._table, claimed, after, condition, held)

    # --- Cancel, redrive, sweep, fail as poison: changes decided on a row that was read -----------

    def replace_seen(self, seen: Task, after: Task) -> Task | Conflict:
        """Store a cancellation or a redrive, unless the task changed since `seen`."""
        # guard: change.version-seen
        stored = self._change(seen, after, "#version = :seen", {":seen": number(seen.version)})
        return self._recognized(stored, after)

    def replace_due(self, seen: Task, after: Task) -> Task | Conflict:
        """Store a decision of the sweep, unless the task or its due time changed since `seen`."""
        assert seen.due_at is not None, "the sweep reads due tasks only"
        return self._change(
            seen,
            after,
            "#version = :seen"  # guard: sweep.version-seen
            " AND due_at = :due",
            {":seen": number(seen.version), ":due": moment(seen.due_at)},
        )

    def confirm_dead_letter(self, seen: Task, after: Task) -> Task | Conflict:
        """Store that the dead letter of `seen` was sent."""
        return self._change(
            seen,
            after,
            "#status = :failed"
            " AND redrive_count = :life"  # guard: confirm.redrive-count-seen
            " AND attribute_exists(due_at)",
            {":failed": text(TaskStatus.FAILED.value), ":life": number(seen.redrive_count)},
        )

    def fail_as_poison(self, seen: Task, after: Task, lease: int) -> Task | Conflict:
        """Fail a task as poison, unless it was claimed or redriven since its message was sent."""
        return self._change(
            seen,
            after,
            "#status IN (:queued, :scheduled, :retrying)"  # guard: poison.waiting
            " AND #lease = :lease",  # guard: poison.lease-seen
            {**{f":{status}": text(status) for status in WAITING}, ":lease": number(lease)},
        )

    def delete(self, seen: Task) -> bool:
        """Delete a finished task with its payload and result. False when it changed since `seen`."""
        try:
            self._client.delete_item(
                TableName=self._table,
                Key=row_key(seen.owner, seen.id),
                ConditionExpression="attribute_not_exists(pk) OR #version = :seen",
                ExpressionAttributeNames=names("version"),
                ExpressionAttributeValues={":seen": number(seen.version)},
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return False
        self._documents.delete(seen)
        return True

    # --- Shared ---------------------------------------------------------------------------------

    def _change(self, before: Task, after: Task, condition: str, values: Row) -> Task | Conflict:
        request = change_request(self._table, before, after, condition, values)
        return self._stored(self._writes.one(request), after)

    def _stored(self, result: WriteResult, after: Task) -> Task | Conflict:
        """The stored task, with the documents of `after`; or the conflict."""
        task = None if result.row is None else from_row(result.row)
        if result.refused or task is None:
            return Conflict(current=task)
        return self.with_documents_of(after, task)

    def _recognized(self, stored: Task | Conflict, after: Task) -> Task | Conflict:
        """The same; a conflict with our own first copy, whose response was lost, is a success."""
        if isinstance(stored, Conflict) and stored.current and is_same_write(stored.current, after):
            return self.with_documents_of(after, stored.current)
        return stored


def _mine(task: Task) -> Row:
    return {":running": text(TaskStatus.RUNNING.value), ":lease": number(task.lease)}


def _decoded(
    result: WriteResult | Exception, decode: Callable[[WriteResult], Task | Conflict]
) -> Task | Conflict | Exception:
    """The decoded result of one write of many. A row that cannot be read fails only its own task."""
    if isinstance(result, Exception):
        return result
    try:
        return decode(result)
    except (KeyError, ValueError) as error:
        return error
