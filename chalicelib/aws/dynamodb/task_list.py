"""Lists one owner's tasks, in order of creation.

The rows of an owner are spread over buckets, each sorted by id. A list reads the same range of every bucket
side by side and merges the rows. The cost depends on the page, not on the table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from chalicelib.aws.dynamodb.items import text
from chalicelib.aws.dynamodb.task_row import from_row, partition_key
from chalicelib.domain.task import Task

if TYPE_CHECKING:
    from chalicelib.aws.sdk.protocols import DynamoDB

#: A page with filters examines at least this many rows.
EXAMINED_WITH_FILTERS = 400


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """Tasks in order of id, and the id where the next page starts (None: no more)."""

    tasks: list[Task]
    position: str | None
    unreadable: dict[str, str] = field(default_factory=dict)  #: the errors of rows that are left out, by id


class TaskList:
    """The tasks of an owner, page by page."""

    def __init__(self, client: DynamoDB, table: str, threads: Executor, buckets: int) -> None:
        self._client = client
        self._table = table
        self._threads = threads
        self._buckets = buckets

    def newest(self, owner: str, *, before: str | None, limit: int, filters: Mapping[str, str]) -> Page:
        """At most `limit` tasks that match `filters` (status, type, tag), newest first, ids below `before`.

        Examines a bounded number of rows, so a page before the last may be short or empty.
        """
        # Twice the fair share of each bucket. Ids are random, so a page is nearly always full.
        examine = EXAMINED_WITH_FILTERS if filters else 2 * limit
        page = self._examined(owner, before, examine, filters)
        if len(page.tasks) > limit:
            return replace(page, tasks=page.tasks[:limit], position=page.tasks[limit - 1].id)
        return page

    def page(self, owner: str, *, before: str | None) -> Page:
        """All tasks of the next 400 rows or so, newest first, ids below `before`."""
        return self._examined(owner, before, EXAMINED_WITH_FILTERS, {})

    def _examined(self, owner: str, before: str | None, rows: int, filters: Mapping[str, str]) -> Page:
        share = min(-(-rows // self._buckets) + 1, 1000)
        parts = self._parts(owner, before, share, filters, forward=False)
        # A bucket that was not read to its end may have more rows below its last one.
        frontier = max((part.position for part in parts if part.position is not None), default="")
        tasks = [task for part in parts for task in part.tasks if task.id >= frontier]
        tasks.sort(key=lambda task: task.id, reverse=True)
        return Page(tasks=tasks, position=frontier or None, unreadable=_left_out(parts))

    def created_after(self, owner: str, task_id: str, limit: int) -> Page:
        """At most `limit` tasks with ids above `task_id`, oldest first."""
        parts = self._parts(owner, task_id, limit, {}, forward=True)
        # A bucket that was not read to its end (a query reads at most 1 MB) may have more rows above.
        frontier = min((part.position for part in parts if part.position is not None), default=None)
        tasks = [task for part in parts for task in part.tasks if frontier is None or task.id <= frontier]
        tasks.sort(key=lambda task: task.id)
        if len(tasks) > limit:
            return Page(tasks=tasks[:limit], position=tasks[limit - 1].id, unreadable=_left_out(parts))
        return Page(tasks=tasks, position=frontier, unreadable=_left_out(parts))

    def _parts(
        self, owner: str, start: str | None, limit: int, filters: Mapping[str, str], *, forward: bool
    ) -> list[Page]:
        def read(bucket: int) -> Page:
            return self._part(partition_key(owner, bucket), start, limit, filters, forward=forward)

        return list(self._threads.map(read, range(self._buckets)))

    def _part(
        self, key: str, start: str | None, limit: int, filters: Mapping[str, str], *, forward: bool
    ) -> Page:
        query: dict[str, Any] = {
            "TableName": self._table,
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": {":pk": text(key)},
            "ScanIndexForward": forward,
            "ConsistentRead": True,
            "Limit": limit,
        }
        if start is not None:
            query["KeyConditionExpression"] += " AND sk > :start" if forward else " AND sk < :start"
            query["ExpressionAttributeValues"][":start"] = text(start)
        if filters:
            query["FilterExpression"] = " AND ".join(_test(name) for name in filters)
            query["ExpressionAttributeNames"] = {f"#{name}": _attribute(name) for name in filters}
            query["ExpressionAttributeValues"] |= {f":{name}": text(value) for name, value in filters.items()}
        answer = self._client.query(**query)
        last = answer.get("LastEvaluatedKey")
        page = Page(tasks=[], position=last["sk"]["S"] if last else None)
        for row in answer["Items"]:
            try:
                page.tasks.append(from_row(row))
            except (LookupError, TypeError, ValueError) as error:  # one row must not hide the others
                page.unreadable[row["sk"]["S"]] = repr(error)
        return page


def _left_out(parts: Sequence[Page]) -> dict[str, str]:
    return {task_id: reason for part in parts for task_id, reason in part.unreadable.items()}


def _test(name: str) -> str:
    return f"contains(#{name}, :{name})" if name == "tag" else f"#{name} = :{name}"


def _attribute(name: str) -> str:
    return "tags" if name == "tag" else name
