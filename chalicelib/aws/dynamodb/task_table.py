"""The tasks table: every write that PROTOCOL's transitions allow, each under its condition.

A write answers the stored task, or `Conflict` with the row as it is. Conflict is an answer, not an error: it
says that somebody else moved the task first, and the caller knows what that means for its transition.
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
from chalicelib.aws.dynamodb.items import batch_get
from chalicelib.aws.dynamodb.items import names as _names
from chalicelib.aws.dynamodb.items import number as _count
from chalicelib.aws.dynamodb.partiql import ABSENT
from chalicelib.aws.dynamodb.task_change import change_request
from chalicelib.aws.dynamodb.task_row import Row, encode, from_row, is_same_write, row_key, to_row
from chalicelib.aws.dynamodb.writes import Answer, Request, Writes
from chalicelib.domain.task import Conflict, Progress, Task, TaskStatus

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class TaskTable:
    """Tasks by id, with their payloads and results."""

    def __init__(
        self, client: DynamoDBClient, table: str, documents: DocumentTable, threads: Executor
    ) -> None:
        self._client = client
        self._table = table
        self._documents = documents
        self._writes = Writes(client, threads)

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
        """Store a new task."""
        (error,) = self.create_many([task])
        if error is not None:
            raise error

    def create_many(self, tasks: Sequence[Task]) -> list[Exception | None]:
        """Store new tasks; for each, None or the error that kept it from being stored.

        Their ids are fresh: a refusal is our own first copy, whose answer was lost.
        """
        failed = self._documents.put_payloads([task for task in tasks if task.payload.stored_apart])
        new = [task for task in tasks if task.id not in failed]
        answers = self._writes.many(
            # guard: create.only-if-absent
            [{"TableName": self._table, "Item": to_row(each), "ConditionExpression": ABSENT} for each in new]
        )
        for task, answer in zip(new, answers, strict=True):
            if isinstance(answer, Exception):
                failed[task.id] = answer
        return [failed.get(task.id) for task in tasks]

    # --- T1 to T7: what a worker writes ---------------------------------------------------------

    def claim(self, owner: str, task_id: str, claim_id: str, **terms: Any) -> Task | Conflict:
        """Claim one task, on the terms of `claim_many`."""
        (claimed,) = self.claim_many([(owner, task_id, claim_id)], **terms)
        return _or_raise(claimed)

    def claim_many(
        self,
        wanted: Sequence[tuple[str, str, str]],
        *,
        now: datetime,
        margin: timedelta,
        paused: Collection[str] = (),
    ) -> list[Task | Conflict | Exception]:
        """Take the lease of each (owner, id, claim id) that may start, and whose type is not `paused` (T1).

        A lease lasts for the task's own timeout and `margin`. A claim id is drawn by the caller for each
        claim: with it one whose answer was lost knows itself again. `Conflict` tells the task only when its
        type is paused.
        """
        terms: Any = {"now": now, "until": now + margin, "paused": sorted(paused)}
        answers = self._writes.many(
            [
                claim_request(self._table, row_key(owner, task_id), claim_id=claim_id, **terms)
                for owner, task_id, claim_id in wanted
            ]
        )
        return self._loaded(
            [
                _decoded(answer, partial(claimed_by, claim_id=claim_id, paused=paused))
                for (_, _, claim_id), answer in zip(wanted, answers, strict=True)
            ]
        )

    def _loaded(self, claimed: list[Task | Conflict | Exception]) -> list[Task | Conflict | Exception]:
        """The same, with payloads that are stored apart; who needs one that cannot be read gets the error."""
        apart = [each for each in claimed if isinstance(each, Task) and each.payload.missing]
        loaded: dict[str, Task | Exception]
        try:
            loaded = {task.id: task for task in self.load(apart)}
        except Exception as error:  # the others have all that they need
            loaded = {task.id: error for task in apart}
        return [loaded.get(each.id, each) if isinstance(each, Task) else each for each in claimed]

    def extend(
        self, task: Task, progress: Progress, *, now: datetime, lease_until: datetime
    ) -> Task | Conflict:
        """Store the progress of a run and lengthen its lease (T2)."""
        values = {
            ":progress": encode("progress", progress),
            ":until": encode("lease_until", lease_until),
            ":now": encode("updated_at", now),
            ":one": {"N": "1"},
            **_mine(task),
        }
        answer = self._writes.one(
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
                "ExpressionAttributeNames": _names("progress", "version", "status", "lease"),
                "ExpressionAttributeValues": values,
            }
        )
        return self._stored(answer, task)

    def finish(self, claimed: Task, after: Task, *, unless_cancel_requested: bool) -> Task | Conflict:
        """Store the outcome of one run, as `finish_many` does."""
        (stored,) = self.finish_many([(claimed, after, unless_cancel_requested)])
        return _or_raise(stored)

    def finish_many(self, runs: Sequence[tuple[Task, Task, bool]]) -> list[Task | Conflict | Exception]:
        """Store the outcomes of runs that still hold their leases (T3 to T7); big results go first.

        Each is the task as it was claimed, as it is after, and whether a cancel request refuses that.
        """
        failed = self._documents.put_results(  # guard: result.before-row
            [after for _, after, _ in runs if after.result is not None and after.result.stored_apart]
        )
        stored: dict[str, Task | Conflict | Exception] = {**failed}
        requests: list[tuple[Task, Request]] = []
        for run in (run for run in runs if run[1].id not in failed):
            try:
                requests.append((run[1], self._finish_request(*run)))
            except (TypeError, ValueError) as error:  # of this outcome alone
                stored[run[1].id] = error
        answers = self._writes.many([request for _, request in requests])  # guard: result.before-row
        for (after, _), answer in zip(requests, answers, strict=True):
            stored[after.id] = _decoded(answer, partial(self._finished, after=after))
        return [stored[after.id] for _, after, _ in runs]

    def _finished(self, answer: Answer, after: Task) -> Task | Conflict:
        return self._recognised(self._stored(answer, after), after)

    def _finish_request(self, claimed: Task, after: Task, unless_cancel_requested: bool) -> Request:
        condition = (
            "#status = :running"  # guard: finish.running
            " AND #lease = :lease"  # guard: finish.lease-held, finish.fenced-by-lease
        )
        if unless_cancel_requested:
            condition += " AND attribute_not_exists(cancel_requested)"
        held = _mine(claimed)  # guard: finish.fenced-by-lease
        return change_request(self._table, claimed, after, condition, held)

    # --- A3 to A5, S1 to S6, M2: what was decided on a row that was read ---------------------------

    def replace_seen(self, seen: Task, after: Task) -> Task | Conflict:
        """Store a change decided on `seen`, if nobody changed the task since (A3 to A5)."""
        # guard: change.version-seen
        stored = self._change(seen, after, "#version = :seen", {":seen": _count(seen.version)})
        return self._recognised(stored, after)

    def replace_due(self, seen: Task, after: Task) -> Task | Conflict:
        """Store what the sweep decided on `seen`, if neither the task nor its due time moved (S1 to S5)."""
        assert seen.due_at is not None, "the sweep looks at due tasks only"
        return self._change(
            seen,
            after,
            "#version = :seen"  # guard: sweep.version-seen
            " AND due_at = :due",
            {":seen": _count(seen.version), ":due": encode("due_at", seen.due_at)},
        )

    def confirm_dead_letter(self, seen: Task, after: Task) -> Task | Conflict:
        """Store that the dead letter of this death is on its way (S6)."""
        return self._change(
            seen,
            after,
            "#status = :failed"
            " AND redrive_count = :life"  # guard: confirm.redrive-count-seen
            " AND attribute_exists(due_at)",
            {":failed": {"S": TaskStatus.FAILED.value}, ":life": _count(seen.redrive_count)},
        )

    def fail_as_poison(self, seen: Task, after: Task, lease: int) -> Task | Conflict:
        """Fail a task that nobody claimed or redrove since its message was sent (M2)."""
        return self._change(
            seen,
            after,
            "#status IN (:queued, :scheduled, :retrying)"  # guard: poison.waiting
            " AND #lease = :lease",  # guard: poison.lease-seen
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

    def _change(self, before: Task, after: Task, condition: str, values: Row) -> Task | Conflict:
        request = change_request(self._table, before, after, condition, values)
        return self._stored(self._writes.one(request), after)

    def _stored(self, answer: Answer, after: Task) -> Task | Conflict:
        """What came of a write that wants `after`."""
        task = None if answer.row is None else from_row(answer.row)
        if answer.refused or task is None:
            return Conflict(current=task)
        return self.with_documents_of(after, task)

    def _recognised(self, stored: Task | Conflict, after: Task) -> Task | Conflict:
        """The answer to a write, also when our own first copy of it arrived and only its answer was lost."""
        if isinstance(stored, Conflict) and stored.current and is_same_write(stored.current, after):
            return self.with_documents_of(after, stored.current)
        return stored


def _mine(task: Task) -> Row:
    return {":running": {"S": TaskStatus.RUNNING.value}, ":lease": _count(task.lease)}


def _decoded(
    answer: Answer | Exception, decode: Callable[[Answer], Task | Conflict]
) -> Task | Conflict | Exception:
    """What came of one write of many; a row that cannot be read is an error of its own."""
    if isinstance(answer, Exception):
        return answer
    try:
        return decode(answer)
    except (KeyError, ValueError) as error:
        return error


def _or_raise(answer: Task | Conflict | Exception) -> Task | Conflict:
    if isinstance(answer, Exception):
        raise answer
    return answer
