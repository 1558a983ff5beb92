"""`demo.sleep` and `demo.fail`."""

from __future__ import annotations

import time
from typing import Any

import pytest

from chalicelib.domain.errors import Invalid
from chalicelib.domain.outcomes import Cancel
from chalicelib.domain.task_types import TASK_TYPES
from chalicelib.task_types.demo import Fail, FailedOnPurpose, Sleep, fail, sleep
from tests.support.recording_context import RecordingContext


class TestSleep:
    def test_sleeps_and_reports_each_step(self) -> None:
        context = RecordingContext()
        started = time.monotonic()

        assert sleep(Sleep(seconds=0.1, steps=4), context) == {"slept_seconds": 0.1}
        assert time.monotonic() - started >= 0.1
        assert context.reports == [
            (25, "step 1 of 4"),
            (50, "step 2 of 4"),
            (75, "step 3 of 4"),
            (100, "step 4 of 4"),
        ]

    def test_has_ten_steps_by_default(self) -> None:
        context = RecordingContext()
        sleep(Sleep(seconds=0), context)

        assert len(context.reports) == 10

    def test_ends_after_the_step_in_which_it_is_canceled(self) -> None:
        context = RecordingContext(cancel_after_reports=2)

        assert sleep(Sleep(seconds=0), context) == Cancel("canceled on request")
        assert len(context.reports) == 2

    @pytest.mark.parametrize(
        ("payload", "pointer"),
        [
            ({}, "/seconds"),
            ({"seconds": -1}, "/seconds"),
            ({"seconds": 601}, "/seconds"),
            ({"seconds": float("nan")}, "/seconds"),
            ({"seconds": 1, "steps": 0}, "/steps"),
            ({"seconds": 1, "steps": 101}, "/steps"),
            ({"seconds": 1, "steps": 1.5}, "/steps"),
            ({"seconds": 1, "minutes": 1}, "/minutes"),
        ],
    )
    def test_refuses_what_makes_no_sense(self, payload: dict[str, Any], pointer: str) -> None:
        assert_refused("demo.sleep", payload, pointer)


class TestFail:
    @pytest.mark.parametrize("attempt", [1, 2, 25])
    def test_always_fails_by_default(self, attempt: int) -> None:
        with pytest.raises(FailedOnPurpose, match=r"^This task fails on purpose\.$"):
            fail(Fail(), RecordingContext(attempt=attempt))

    def test_fails_with_the_message_of_the_payload(self) -> None:
        with pytest.raises(FailedOnPurpose, match=r"^no$"):
            fail(Fail(message="no"), RecordingContext())

    def test_fails_on_the_first_attempts_only(self) -> None:
        with pytest.raises(FailedOnPurpose):
            fail(Fail(times=2), RecordingContext(attempt=2))

        assert fail(Fail(times=2), RecordingContext(attempt=3)) == {"attempt": 3}
        assert fail(Fail(times=0), RecordingContext(attempt=1)) == {"attempt": 1}

    @pytest.mark.parametrize(
        ("payload", "pointer"),
        [({"times": -1}, "/times"), ({"message": "x" * 1001}, "/message"), ({"message": None}, "/message")],
    )
    def test_refuses_what_makes_no_sense(self, payload: dict[str, Any], pointer: str) -> None:
        assert_refused("demo.fail", payload, pointer)


def assert_refused(name: str, payload: dict[str, Any], pointer: str) -> None:
    with pytest.raises(Invalid) as refusal:
        TASK_TYPES.get(name).parse(payload, "/payload")
    assert [error.pointer for error in refusal.value.errors] == ["/payload" + pointer]


def test_all_shipped_types_are_registered_and_described() -> None:
    described = {task_type.name: task_type.description for task_type in TASK_TYPES}

    assert {"csv.profile", "demo.fail", "demo.sleep", "http.request"} <= described.keys()
    assert all(described.values())
