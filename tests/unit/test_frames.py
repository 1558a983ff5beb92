"""Frames: never larger than API Gateway's limit."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.domain.documents import Document
from chalicelib.domain.task import ErrorKind, Task, TaskError, TaskStatus
from chalicelib.domain.views import task_view
from chalicelib.services.live.frames import (
    FRAME_LIMIT_BYTES,
    Frames,
    error_frame,
    fits_a_frame,
)
from tests.support.examples import KEEP, LATER, TASK_ID, a_running_task, a_task, tasks


def sized(payload: int, result: int = 0) -> Task:
    """A succeeded task with a payload and a result of about `payload` and `result` bytes."""
    task = a_task(payload=Document.of("p" * payload), version=3)
    return replace(task, status=TaskStatus.SUCCEEDED, result=Document.of("r" * result) if result else None)


class TestOneTask:
    def test_a_frame_is_the_whole_public_task(self) -> None:
        task = sized(100, 100)
        assert json.loads(Frames().of_task(task)) == {"type": "task", "task": task_view(task)}

    @pytest.mark.parametrize(
        ("payload", "result"), [(40_000, 0), (0, 40_000), (20_000, 20_000), (250_000, 250_000)]
    )
    def test_a_task_that_is_too_large_is_truncated(self, payload: int, result: int) -> None:
        task = json.loads(Frames().of_task(sized(payload, result)))["task"]
        assert task["truncated"] is True
        assert (task["payload"], task["result"]) == (None, None)
        assert (task["id"], task["version"], task["status"]) == (TASK_ID, 3, "succeeded")

    def test_a_task_without_its_documents_is_truncated(self) -> None:
        """A client must not read the null as its payload."""
        frame = json.loads(Frames().of_task(a_task(payload=Document(None, 2000))))
        assert frame["task"]["truncated"] is True

    @pytest.mark.parametrize("size", range(31_500, 33_000, 25))
    def test_no_size_is_over_the_limit(self, size: int) -> None:
        assert len(Frames().of_task(sized(size)).encode()) <= FRAME_LIMIT_BYTES

    @given(tasks)
    def test_no_task_is_over_the_limit(self, task: Task) -> None:
        assert len(Frames().of_task(task).encode()) <= FRAME_LIMIT_BYTES

    def test_a_task_with_25_long_errors_is_within_the_limit(self) -> None:
        """25 errors of a kilobyte each, of letters that JSON writes with six: 150 KB."""
        task = a_running_task()
        error = TaskError.of(ErrorKind.EXCEPTION, "\x01" * 1024)
        for _ in range(25):
            task = replace(task, attempts=task.fail(LATER, error, KEEP).attempts, error=error)
        frame = Frames().of_task(replace(task, status=TaskStatus.FAILED))
        assert len(frame.encode()) <= FRAME_LIMIT_BYTES
        assert json.loads(frame)["task"]["truncated"] is True


class TestManyTasks:
    @settings(max_examples=30)
    @given(st.lists(st.integers(0, 40_000), max_size=30))
    def test_every_task_is_sent_once_in_order_within_the_limit(self, sizes: list[int]) -> None:
        tasks = [replace(sized(size), version=number) for number, size in enumerate(sizes)]
        frames = list(Frames().of_tasks(tasks))
        assert all(len(frame.encode()) <= FRAME_LIMIT_BYTES for frame in frames)
        found = [task["version"] for frame in frames for task in json.loads(frame)["tasks"]]
        assert found == list(range(len(sizes)))

    def test_small_tasks_share_a_frame(self) -> None:
        assert len(list(Frames().of_tasks([sized(10)] * 20))) == 1

    def test_no_tasks_make_no_frame(self) -> None:
        assert list(Frames().of_tasks([])) == []


class TestFitting:
    @pytest.mark.parametrize(
        ("payload", "result", "fits"),
        [
            (2_000, None, True),
            (2_000, 20_000, True),
            (20_000, 20_000, False),
            (FRAME_LIMIT_BYTES, None, False),
        ],
    )
    def test_documents_that_cannot_fit_are_not_read(
        self, payload: int, result: int | None, fits: bool
    ) -> None:
        task = a_task(
            payload=Document(None, payload), result=None if result is None else Document(None, result)
        )
        assert fits_a_frame(task) is fits


def test_an_error_frame_has_the_error() -> None:
    frame: dict[str, Any] = json.loads(error_frame("unknown_action", 'The action "x" is not one of …'))
    assert frame == {"type": "error", "code": "unknown_action", "detail": 'The action "x" is not one of …'}
