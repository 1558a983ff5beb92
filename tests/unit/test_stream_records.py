"""What a batch of the tasks table's stream tells: changes, removals, and what is passed over."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.aws.dynamodb.task_row import Row, to_row
from chalicelib.domain.task import Task
from chalicelib.lambda_events import changes
from tests.support.examples import a_running_task, a_task


def a_record(old: Row | None, new: Row | None) -> dict[str, Any]:
    some = new or old
    assert some is not None
    images = {name: image for name, image in (("OldImage", old), ("NewImage", new)) if image}
    keys = {name: some[name] for name in ("pk", "sk")}
    return {"eventID": "e1", "dynamodb": {"Keys": keys, **images}}


def told(*records: dict[str, Any]) -> tuple[list[tuple[Task | None, Task]], list[Task]]:
    changed, removed = changes({"Records": list(records)})
    return [(change.previous, change.task) for change in changed], removed


OLD, NEW = a_task(), a_running_task()


def test_a_new_task_has_no_previous_state() -> None:
    assert told(a_record(None, to_row(OLD))) == ([(None, OLD)], [])


def test_changes_come_in_order_with_what_was_before() -> None:
    newest = replace(NEW, version=3)
    records = [a_record(to_row(OLD), to_row(NEW)), a_record(to_row(NEW), to_row(newest))]
    assert told(*records) == ([(OLD, NEW), (NEW, newest)], [])


def test_a_row_that_is_gone_is_no_change() -> None:
    assert told(a_record(to_row(OLD), None)) == ([], [OLD])


@pytest.mark.parametrize("key", ["key#default#abc", "dead#abc"])
def test_the_tables_other_rows_are_passed_over(key: str) -> None:
    assert told(a_record(None, {"pk": {"S": key}, "sk": {"S": "x"}})) == ([], [])


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
def test_a_row_that_cannot_be_read_does_not_block_those_behind_it(wrong: Row) -> None:
    assert told(a_record(None, {**to_row(OLD), **wrong}), a_record(None, to_row(NEW))) == ([(None, NEW)], [])
