"""Reads many rows. A row that cannot be read is logged and skipped.

After a rollback, for example, older code reads rows of newer code.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from chalicelib.domain.task import Task
from chalicelib.observability import log

if TYPE_CHECKING:
    from chalicelib.aws.dynamodb.task_list import Page
    from chalicelib.aws.dynamodb.task_table import TaskTable


def read_many(tasks: TaskTable, names: Sequence[tuple[str, str]]) -> list[Task]:
    """The current tasks of those (owner, id) that exist and can be read; the others are logged."""
    try:
        return tasks.get_many(names)
    except (LookupError, TypeError, ValueError):
        return [task for name in names if (task := _read_alone(tasks, *name)) is not None]


def _read_alone(tasks: TaskTable, owner: str, task_id: str) -> Task | None:
    try:
        return tasks.get(owner, task_id)
    except (LookupError, TypeError, ValueError):
        log.exception("Row cannot be read", action="row_unreadable", task_id=task_id)
        return None


def read_page(page: Page) -> Page:
    """The same page, after logging the rows that it leaves out."""
    for task_id, reason in page.unreadable.items():
        log.error("Row cannot be read", action="row_unreadable", task_id=task_id, reason=reason)
    return page
