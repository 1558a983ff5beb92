"""Reading many rows: one that cannot be read must not hide the others.

Code that was rolled back, for one, meets rows of the code after it.
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
    """Those of the (owner, id) that exist and can be read, as they are now; what cannot be read is logged."""
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
    """The same page; what it had to leave out is logged."""
    for task_id, reason in page.unreadable.items():
        log.error("Row cannot be read", action="row_unreadable", task_id=task_id, reason=reason)
    return page
