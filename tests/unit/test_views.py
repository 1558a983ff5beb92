"""The public task: it always has all fields and no others."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given

from chalicelib.domain.documents import Document
from chalicelib.domain.formats import timestamp
from chalicelib.domain.task import Progress, Task, TaskStatus
from chalicelib.domain.views import task_summary, task_view
from tests.support.examples import CLAIMED, ERROR, KEEP, LATER, NOW, TASK_ID, a_running_task, a_task, tasks

#: What the HTTP contract promises, and `timeout_seconds`, which a client can set.
FIELDS = {
    "id",
    "type",
    "status",
    "version",
    "payload",
    "result",
    "error",
    "progress",
    "attempt",
    "max_attempts",
    "attempts",
    "tags",
    "created_at",
    "updated_at",
    "queued_at",
    "started_at",
    "finished_at",
    "run_at",
    "expires_at",
    "lease_until",
    "cancel_requested",
    "redrive_count",
    "dead_lettered_at",
    "timeout_seconds",
}
RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


class TestShape:
    @given(tasks)
    def test_every_field_of_any_task_is_there_as_json(self, task: Task) -> None:
        view = task_view(task)
        assert set(view) == FIELDS
        assert json.loads(json.dumps(view, allow_nan=False)) == view
        times = [view[name] for name in FIELDS if name.endswith("_at") or name == "lease_until"]
        assert all(RFC_3339.fullmatch(moment) for moment in times if moment is not None)

    def test_an_item_of_a_list_is_the_same_without_its_details(self) -> None:
        task = a_running_task().fail(LATER, ERROR, KEEP)
        detail = ("payload", "result", "attempts")
        assert task_summary(task) == {k: v for k, v in task_view(task).items() if k not in detail}

    def test_an_absent_value_is_null(self) -> None:
        view = task_view(a_task())
        absent = {name for name, value in view.items() if value is None}
        assert absent == {
            "result",
            "error",
            "progress",
            "started_at",
            "finished_at",
            "expires_at",
            "lease_until",
            "dead_lettered_at",
        }

    def test_internal_fields_are_not_public(self) -> None:
        text = json.dumps(task_view(a_task(owner="ada", correlation_id="trace", lease=77, ttl=NOW)))
        assert "ada" not in text
        assert "trace" not in text
        assert "77" not in text


class TestValues:
    def test_a_task_that_failed_once_and_runs_again(self) -> None:
        task = a_running_task(version=3).retry_later(LATER, ERROR, timedelta(seconds=5), timedelta(0))
        task = replace(
            task, status=TaskStatus.RUNNING, attempt=2, lease=2, lease_until=NOW + CLAIMED,
            progress=Progress(percent=50, message="half"), tags=("a",),
        )  # fmt: skip
        error = {"kind": "exception", "type": "ValueError", "message": "it broke"}
        expected: dict[str, Any] = {
            "id": TASK_ID,
            "status": "running",
            "error": error,
            "progress": {"percent": 50, "message": "half"},
            "payload": {"seconds": 1},
            "tags": ["a"],
            "run_at": "2026-01-31T12:00:15.000Z",
            "lease_until": "2026-01-31T12:01:15.000Z",
            "attempts": [
                {
                    "number": 1,
                    "lease": 1,
                    "started_at": "2026-01-31T12:00:00.000Z",
                    "finished_at": "2026-01-31T12:00:10.000Z",
                    "outcome": "failed",
                    "error": error,
                    "next_wait_seconds": 5.0,
                },
                {
                    "number": 2,
                    "lease": 2,
                    "started_at": "2026-01-31T12:00:00.000Z",
                    "finished_at": None,
                    "outcome": "running",
                    "error": None,
                    "next_wait_seconds": None,
                },
            ],
        }
        view = task_view(task)
        assert {name: view[name] for name in expected} == expected

    @pytest.mark.parametrize("status", sorted(set(TaskStatus) - {TaskStatus.RUNNING}))
    def test_only_a_running_task_shows_an_attempt_without_an_end(self, status: TaskStatus) -> None:
        task = replace(a_running_task(), status=status)
        assert task_view(task)["attempts"] == []

    def test_the_result_of_a_success(self) -> None:
        task = a_running_task().succeed(LATER, Document.of([1, {"a": None}]), KEEP)
        assert task_view(task)["result"] == [1, {"a": None}]

    @pytest.mark.parametrize(
        ("moment", "text"),
        [
            (None, None),
            (NOW, "2026-01-31T12:00:00.000Z"),
            (NOW + timedelta(microseconds=1999), "2026-01-31T12:00:00.001Z"),
            (NOW.astimezone(timezone(timedelta(hours=5, minutes=30))), "2026-01-31T12:00:00.000Z"),
            (datetime(1, 1, 1, tzinfo=UTC), "0001-01-01T00:00:00.000Z"),
        ],
    )
    def test_a_moment_as_text(self, moment: datetime | None, text: str | None) -> None:
        assert timestamp(moment) == text
