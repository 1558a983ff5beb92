"""The contents of the tasks table, read directly."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from chalicelib.aws.dynamodb.task_row import from_row, is_task_row
from chalicelib.domain.task import Task
from local.stage import PREFIX
from tests.chaos.stage import Stage

TABLE = f"{PREFIX}-tasks"


def stored_tasks(stage: Stage) -> dict[str, Task]:
    """Every task, by id, without the two of the stage's smoke test."""
    pages = _pages(stage, "scan", TableName=TABLE, ConsistentRead=True)
    tasks = (from_row(row) for page in pages for row in page["Items"] if is_task_row(row))
    return {task.id: task for task in tasks if task.tags}


def due_rows(stage: Stage) -> int:
    """The number of rows in the due index."""
    return sum(
        page["Count"] for page in _pages(stage, "scan", TableName=TABLE, IndexName="due", Select="COUNT")
    )


def _pages(stage: Stage, operation: str, **query: Any) -> Iterator[dict[str, Any]]:
    yield from stage.client("dynamodb").get_paginator(operation).paginate(**query)
