"""Reading a batch of the tasks table's stream: changes, removals and ignored records."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.aws.dynamodb.items import Row
from chalicelib.aws.dynamodb.task_row import to_row
from chalicelib.domain.task import Task
from chalicelib.lambda_events import changes
from tests.support.examples import a_running_task, a_task


def a_record(old: Row | None, new: Row | None) -> dict[str, Any]:
    image = new or old
    assert image is not None
    images = {name: each for name, each in (("OldImage", old), ("NewImage", new)) if each}
    keys = {name: image[name] for name in ("pk", "sk")}
    return {"eventID": "e1", "dynamodb": {"Keys": keys, **images}}


def read(*records: dict[str, Any]) -> tuple[list[tuple[Task | None, Task]], list[Task]]:
    changed, removed = changes({"Records": list(records)})
    return [(change.previous, change.task) for change in changed], removed


OLD, NEW = a_task(), a_running_task()


def test_a_new_task_has_no_previous_state() -> None:
    assert read(a_record(None, to_row(OLD))) == ([(None, OLD)], [])


def test_changes_are_in_order_with_the_previous_state() -> None:
    newest = replace(NEW, version=3)
    records = [a_record(to_row(OLD), to_row(NEW)), a_record(to_row(NEW), to_row(newest))]
    assert read(*records) == ([(OLD, NEW), (NEW, newest)], [])


def test_a_removed_row_is_not_a_change() -> None:
    assert read(a_record(to_row(OLD), None)) == ([], [OLD])


@pytest.mark.parametrize("key", ["key#default#abc", "dead#abc"])
def test_other_rows_of_the_table_are_ignored(key: str) -> None:
    assert read(a_record(None, {"pk": {"S": key}, "sk": {"S": "x"}})) == ([], [])


@pytest.mark.parametrize(
    "wrong",
    [
        {"status": {"S": "blocked"}},
        {"status": {"N": "1"}},
        {"version": {"N": "many"}},
        {"run_at": {"N": "1e300"}},
        {"run_at": {"N": "NaN"}},
        {"error": {"S": "{"}},
        {"error": {"S": "{}"}},
        {"progress": {"S": "[]"}},
        {"attempts": {"S": "[[1]]"}},
        {"attempts": {"S": "5"}},
    ],
)
def test_an_unreadable_row_does_not_block_the_next(wrong: Row) -> None:
    assert read(a_record(None, {**to_row(OLD), **wrong}), a_record(None, to_row(NEW))) == ([(None, NEW)], [])
