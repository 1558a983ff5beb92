"""Writing a task as a row of DynamoDB and reading it back."""

from __future__ import annotations

from dataclasses import fields
from datetime import timedelta
from typing import Any

import pytest
from boto3.dynamodb.types import TypeDeserializer
from hypothesis import given

from chalicelib.aws.dynamodb.items import Row, from_milliseconds, milliseconds
from chalicelib.aws.dynamodb.task_row import (
    attributes,
    from_row,
    is_task_row,
    owner_of,
    row_key,
    to_row,
)
from chalicelib.domain.documents import Document
from chalicelib.domain.task import Progress, Task, TaskStatus
from tests.support.examples import ERROR, KEEP, NOW, TASK_ID, a_running_task, a_task, tasks

#: What a row cannot be read without; everything else has a default.
NEEDED = {
    "type",
    "status",
    "payload",
    "max_attempts",
    "timeout_seconds",
    "created_at",
    "updated_at",
    "run_at",
}


#: Fields that a new task has not.
LATER_FIELDS: dict[str, Any] = {
    "tags": ("a",),
    "result": Document.of(1),
    "error": ERROR,
    "progress": Progress(percent=1),
    "cancel_requested": True,
    "correlation_id": "trace",
    "created_by": "ada",
    "canceled_by": "ada",
    "retried_by": "ada",
    **dict.fromkeys(("finished_at", "expires_at", "dead_lettered_at", "ttl"), NOW),
}


class TestRoundTrip:
    @given(tasks)
    def test_a_task_is_read_back_to_the_millisecond(self, task: Task) -> None:
        assert from_row(to_row(task)) == task

    @given(tasks)
    def test_dynamodb_accepts_the_row(self, task: Task) -> None:
        """Boto3's reader accepts every attribute: no empty set, no number of more than 38 digits."""
        for value in to_row(task).values():
            TypeDeserializer().deserialize(value)

    def test_every_field_is_stored(self) -> None:
        task = a_running_task(**LATER_FIELDS, attempts=a_running_task().fail(NOW, ERROR, KEEP).attempts)
        missing = {field.name for field in fields(Task)} - {"id", "owner"} - attributes(task).keys()
        assert not missing
        assert from_row(to_row(task)) == task

    @pytest.mark.parametrize("payload", [1, "x" * 1022, "x" * 1023, "é" * 600])
    def test_a_big_document_leaves_only_its_size_in_the_row(self, payload: Any) -> None:
        document = Document.of(payload)
        read = from_row(to_row(a_task(payload=document))).payload
        assert read.size == document.size
        assert read == (document if not document.stored_apart else Document(None, document.size))

    def test_microseconds_are_cut_off_not_rounded_up(self) -> None:
        """A due time may be early, never late."""
        task = a_task(due_at=NOW + timedelta(microseconds=1999))
        assert from_row(to_row(task)).due_at == NOW + timedelta(milliseconds=1)


class TestCompatibility:
    """During a deployment old code reads new rows, and new code reads old ones."""

    def test_a_row_without_newer_attributes_is_read(self) -> None:
        row = {name: value for name, value in to_row(a_task()).items() if name in {"pk", "sk", *NEEDED}}
        task = from_row(row)
        assert (task.version, task.lease, task.tags, task.attempts) == (1, 0, (), ())

    def test_an_attribute_of_newer_code_is_ignored(self) -> None:
        assert from_row({**to_row(a_task()), "colour": {"S": "blue"}}) == a_task()

    def test_a_number_may_have_any_spelling_of_dynamodb(self) -> None:
        row = to_row(a_task())
        row["timeout_seconds"], row["run_at"] = {"N": "60"}, {"N": "1769860800.1"}
        task = from_row(row)
        assert task.timeout_seconds == 60
        assert task.run_at == NOW + timedelta(milliseconds=100)

    @pytest.mark.parametrize("name", sorted(NEEDED))
    def test_a_row_without_a_required_attribute_is_refused(self, name: str) -> None:
        row = to_row(a_task())
        del row[name]
        with pytest.raises((KeyError, TypeError)):
            from_row(row)

    def test_an_unknown_status_is_refused(self) -> None:
        with pytest.raises(ValueError, match="blocked"):
            from_row({**to_row(a_task()), "status": {"S": "blocked"}})


class TestKeys:
    def test_the_key_of_a_row_follows_from_the_id(self) -> None:
        assert row_key("ada", TASK_ID) == {"pk": {"S": "task#ada#00"}, "sk": {"S": TASK_ID}}

    @pytest.mark.parametrize("owner", ["default", "with#hash", "#", "task#"])
    def test_the_owner_is_read_from_the_key(self, owner: str) -> None:
        assert owner_of(row_key(owner, TASK_ID)) == owner

    @pytest.mark.parametrize(
        ("key", "is_task"), [("task#a#00", True), ("key#a#f", False), ("dead#x", False), ("", False)]
    )
    def test_other_rows_of_the_table_are_distinguished(self, key: str, is_task: bool) -> None:
        row: Row = {"pk": {"S": key}}
        assert is_task_row(row) is is_task


class TestSparseness:
    def test_absent_values_are_not_stored(self) -> None:
        assert not {"result", "error", "tags", "cancel_requested", "expires_at"} & attributes(a_task()).keys()

    def test_the_counters_are_always_there_because_conditions_compare_them(self) -> None:
        assert {"version", "lease", "attempt", "redrive_count"} <= attributes(a_task()).keys()

    def test_a_finished_task_is_not_in_the_due_index(self) -> None:
        row = to_row(a_task(TaskStatus.SUCCEEDED, due_at=None))
        assert "due_at" not in row

    def test_the_ttl_is_in_whole_seconds_as_dynamodb_wants_it(self) -> None:
        row = to_row(a_task(ttl=NOW + timedelta(milliseconds=1500)))
        assert row["ttl"] == {"N": str(milliseconds(NOW) // 1000 + 1)}

    def test_times_before_1970_keep_their_milliseconds(self) -> None:
        assert from_milliseconds(-1) == from_milliseconds(0) - timedelta(milliseconds=1)
        assert milliseconds(from_milliseconds(-1)) == -1
