"""The conditional update from one state of a task to another."""

from __future__ import annotations

import re
from typing import Any

from chalicelib.aws.dynamodb.items import Row, names, number
from chalicelib.aws.dynamodb.task_row import attributes, row_key
from chalicelib.domain.task import Task

_PLACEHOLDER = re.compile(r"#(\w+)")


def change_request(table: str, before: Task, after: Task, condition: str, values: Row) -> dict[str, Any]:
    """The update that writes the difference of two tasks if `condition`, with these `values`, holds.

    `due_at` is written whenever the status changes: the sweep may have moved it meanwhile.
    """
    old, new = attributes(before), attributes(after)
    public = {k for k in old.keys() | new.keys() if old.get(k) != new.get(k)} - {"version"}
    # guard: write.due-with-status
    changed = public | ({"due_at"} if before.status is not after.status else set())
    sets = [f"#{name} = :new_{name}" for name in sorted(changed) if name in new]
    removes = [f"#{name}" for name in sorted(changed) if name not in new]
    values = {**values, **{f":new_{name}": new[name] for name in changed if name in new}}
    if public - {"due_at", "due_bucket"}:  # guard: write.counts-version
        sets.append("#version = #version + :one")
        values[":one"] = number(1)
    expression = ("SET " + ", ".join(sets) if sets else "") + (
        " REMOVE " + ", ".join(removes) if removes else ""
    )
    return {
        "TableName": table,
        "Key": row_key(before.owner, before.id),
        "UpdateExpression": expression.strip(),
        "ConditionExpression": condition,
        "ExpressionAttributeNames": names(*_PLACEHOLDER.findall(f"{expression} {condition}")),
        "ExpressionAttributeValues": values,
    }
