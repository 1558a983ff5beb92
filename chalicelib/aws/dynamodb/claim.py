"""The claim: the write that takes a task's lease."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from chalicelib.aws.dynamodb.items import Row, moment, names, number, text
from chalicelib.aws.dynamodb.task_row import from_row
from chalicelib.aws.dynamodb.writes import WriteResult
from chalicelib.domain.task import Conflict, Task

#: The statuses of tasks that can be claimed.
WAITING = ("queued", "scheduled", "retrying")


def claim_request(
    table: str, key: Row, *, now: datetime, until: datetime, claim_id: str, paused: Sequence[str]
) -> dict[str, Any]:
    """The update that claims a task. The lease ends at `until` plus the task's own timeout."""
    types = {f":paused{index}": text(name) for index, name in enumerate(paused)}
    attributes = ("status", "version", "lease", "attempt", "progress", *(("type",) if types else ()))
    return {
        "TableName": table,
        "Key": key,
        "UpdateExpression": (
            "SET #status = :running, #version = #version + :one,"
            " #lease = #lease + :one,"  # guard: claim.counts-lease
            " #attempt = #attempt + :one, lease_until = timeout_seconds + :until,"
            " started_at = :now, updated_at = :now, claim_id = :claim REMOVE #progress"
        ),
        "ConditionExpression": (
            "#status IN (:queued, :scheduled, :retrying)"  # guard: claim.waiting
            " AND run_at <= :now"  # guard: claim.not-before-run-at
            # Also true for tasks without expires_at.
            " AND NOT (expires_at <= :now)"  # guard: claim.not-after-expires-at
            # guard: claim.type-not-paused
            + (f" AND NOT (#type IN ({', '.join(types)}))" if types else "")
        ),
        "ExpressionAttributeNames": names(*attributes),
        "ExpressionAttributeValues": {
            **types,
            **{f":{status}": text(status) for status in (*WAITING, "running")},
            ":one": number(1),
            ":now": moment(now),
            ":until": moment(until),
            ":claim": text(claim_id),
        },
    }


def claimed_by(result: WriteResult, claim_id: str, paused: Collection[str]) -> Task | Conflict:
    """The claimed task, or the conflict. Shows the current task in a conflict only when its type is paused.

    A row with this claim id is ours: the first copy of the claim arrived, and its response was lost.
    """
    row = result.row or {}
    mine = row.get("claim_id") == text(claim_id) and row["status"] == text("running")
    if mine or not result.refused:
        return from_row(row)
    held = row.get("type", {}).get("S") in paused
    return Conflict(current=from_row(row) if held else None)
