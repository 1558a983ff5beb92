"""A claim (T1): the one write that takes a task's lease."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from chalicelib.aws.dynamodb.items import names
from chalicelib.aws.dynamodb.task_row import Row, encode, from_row
from chalicelib.aws.dynamodb.writes import Answer
from chalicelib.domain.task import Conflict, Task

#: The statuses that can be claimed, as rows have them.
WAITING = ("queued", "scheduled", "retrying")


def claim_request(
    table: str, key: Row, *, now: datetime, until: datetime, claim_id: str, paused: Sequence[str]
) -> dict[str, Any]:
    """The update that takes a task's lease, which ends at `until` and the task's own timeout."""
    types = {f":paused{index}": {"S": name} for index, name in enumerate(paused)}
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
            **{f":{status}": {"S": status} for status in (*WAITING, "running")},
            ":one": {"N": "1"},
            ":now": encode("updated_at", now),
            ":until": encode("lease_until", until),
            ":claim": {"S": claim_id},
        },
    }


def claimed_by(answer: Answer, claim_id: str, paused: Collection[str]) -> Task | Conflict:
    """What came of a claim; the row may have been claimed by a first copy of it, whose answer was lost."""
    row = answer.row or {}
    mine = row.get("claim_id") == {"S": claim_id} and row["status"] == {"S": "running"}
    if mine or not answer.refused:
        return from_row(row)
    held = row.get("type", {}).get("S") in paused
    return Conflict(current=from_row(row) if held else None)
