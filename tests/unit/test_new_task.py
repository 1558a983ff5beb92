"""Creating a task from a request."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from chalicelib.domain.documents import PAYLOAD_LIMIT_BYTES
from chalicelib.domain.errors import Invalid
from chalicelib.domain.new_task import NewTask
from chalicelib.domain.task import Task, TaskStatus
from chalicelib.domain.task_types import TaskContext, TaskTypes
from chalicelib.domain.timing import DELAY_LIMIT, SEND_AHEAD, Timing
from tests.support.examples import NOW, TASK_ID

TIMING = Timing()
MINUTE = timedelta(minutes=1)
TYPES = TaskTypes()


class Anything(BaseModel):
    model_config = ConfigDict(extra="allow")

    number: int = 0


@TYPES.task_type("test.fast", payload=Anything, max_attempts=4, timeout_seconds=30)
def fast(payload: Anything, context: TaskContext) -> None:
    """Do nothing."""


@TYPES.task_type("test.long", payload=Anything, lane="long", timeout_seconds=600)
def long(payload: Anything, context: TaskContext) -> None:
    """Do nothing, in the long lane."""


def make(name: str = "test.fast", now: datetime = NOW, **fields: Any) -> Task:
    return NewTask(type=name, **fields).task(
        id=TASK_ID,
        owner="ada",
        task_types=TYPES,
        now=now,
        timing=TIMING,
        due_bucket=3,
        correlation_id="trace",
    )


def pointers(name: str = "test.fast", **fields: Any) -> list[str]:
    """The pointers of a refused request."""
    with pytest.raises(Invalid) as refused:
        make(name, **fields)
    return [error.pointer for error in refused.value.errors]


class TestFirstState:
    def test_a_new_task_has_its_initial_state(self) -> None:
        task = make(payload={"number": 1}, tags=("a", "b"))
        assert task == Task(
            id=TASK_ID,
            owner="ada",
            type="test.fast",
            status=TaskStatus.QUEUED,
            payload=task.payload,
            max_attempts=4,
            timeout_seconds=30.0,
            created_at=NOW,
            updated_at=NOW,
            queued_at=NOW,
            run_at=NOW,
            due_at=NOW + TIMING.grace,
            due_bucket=3,
            tags=("a", "b"),
            correlation_id="trace",
            version=1,
            lease=0,
            attempt=0,
            redrive_count=0,
        )
        assert task.payload.value() == {"number": 1}

    def test_requested_values_override_the_types_defaults(self) -> None:
        task = make(max_attempts=1, timeout_seconds=99.5)
        assert (task.max_attempts, task.timeout_seconds) == (1, 99.5)

    def test_a_repeated_tag_is_stored_once(self) -> None:
        assert make(tags=("b", "a", "b")).tags == ("b", "a")

    def test_the_payload_is_stored_as_it_was_sent(self) -> None:
        """The model validates it again and fills in defaults when the task runs."""
        assert make(payload={"number": "7", "more": [1]}).payload.value() == {"number": "7", "more": [1]}

    def test_times_are_returned_as_they_will_be_read(self) -> None:
        microseconds = timedelta(microseconds=1999)
        task = make(
            now=NOW + microseconds,
            run_at=NOW + MINUTE + microseconds,
            expires_at=NOW + MINUTE * 2 + microseconds,
        )
        millisecond = timedelta(milliseconds=1)
        assert (task.created_at, task.run_at, task.expires_at) == (
            NOW + millisecond,
            NOW + MINUTE + millisecond,
            NOW + MINUTE * 2 + millisecond,
        )


class TestStart:
    @pytest.mark.parametrize(
        ("fields", "run_at", "status"),
        [
            ({}, NOW, TaskStatus.QUEUED),
            ({"delay_seconds": 0}, NOW, TaskStatus.QUEUED),
            ({"delay_seconds": 0.0001}, NOW, TaskStatus.QUEUED),
            ({"delay_seconds": 0.001}, NOW + timedelta(milliseconds=1), TaskStatus.SCHEDULED),
            ({"delay_seconds": 60}, NOW + MINUTE, TaskStatus.SCHEDULED),
            ({"run_at": NOW + MINUTE}, NOW + MINUTE, TaskStatus.SCHEDULED),
            ({"run_at": NOW}, NOW, TaskStatus.QUEUED),
            ({"run_at": NOW - MINUTE}, NOW, TaskStatus.QUEUED),
            ({"run_at": datetime(1, 1, 1, tzinfo=UTC)}, NOW, TaskStatus.QUEUED),
        ],
    )
    def test_a_later_start_is_scheduled(
        self, fields: dict[str, Any], run_at: datetime, status: TaskStatus
    ) -> None:
        task = make(**fields)
        assert (task.run_at, task.status) == (run_at, status)
        assert task.queued_at == (NOW if status is TaskStatus.QUEUED else None)

    @pytest.mark.parametrize(
        ("delay", "due_after_start"),
        [
            (timedelta(0), TIMING.grace),
            (MINUTE, TIMING.grace),
            (SEND_AHEAD, TIMING.grace),
            (SEND_AHEAD + timedelta(milliseconds=1), -TIMING.lookahead),
            (DELAY_LIMIT, -TIMING.lookahead),
        ],
    )
    def test_the_sweep_is_due_after_the_message_or_before_the_start(
        self, delay: timedelta, due_after_start: timedelta
    ) -> None:
        """A start within SQS's 15 minutes has a message. The sweep sends a later one."""
        assert make(delay_seconds=delay.total_seconds()).due_at == NOW + delay + due_after_start

    def test_it_is_due_when_it_expires_if_that_is_sooner(self) -> None:
        expires_at = NOW + timedelta(seconds=1)
        assert make(expires_at=expires_at).due_at == expires_at

    @pytest.mark.parametrize(
        "fields",
        [
            {"delay_seconds": DELAY_LIMIT.total_seconds() + 1},
            {"run_at": NOW + DELAY_LIMIT + timedelta(milliseconds=1)},
            {"run_at": datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)},
        ],
    )
    def test_a_start_more_than_a_year_away_is_refused(self, fields: dict[str, Any]) -> None:
        assert pointers(**fields) == ["/run_at"]


class TestExpiry:
    @pytest.mark.parametrize(
        "fields",
        [
            {"expires_at": NOW},
            {"expires_at": NOW - MINUTE},
            {"expires_at": NOW + MINUTE, "delay_seconds": 60},
            {"expires_at": NOW + MINUTE, "run_at": NOW + MINUTE * 2},
            {"expires_at": NOW.astimezone(timezone(timedelta(hours=5)))},
        ],
    )
    def test_a_task_that_could_never_start_is_refused(self, fields: dict[str, Any]) -> None:
        assert pointers(**fields) == ["/expires_at"]

    def test_any_expiry_after_the_start_is_accepted(self) -> None:
        expires_at = NOW + MINUTE + timedelta(milliseconds=1)
        assert make(expires_at=expires_at, delay_seconds=60).expires_at == expires_at


class TestRefusals:
    def test_an_unknown_type_lists_the_known_ones(self) -> None:
        with pytest.raises(Invalid) as refused:
            make("test.nope")
        (error,) = refused.value.errors
        assert error.pointer == "/type"
        assert error.message == "unknown task type 'test.nope'; known are test.fast, test.long"

    def test_a_payload_error_points_to_the_field(self) -> None:
        assert pointers(payload={"number": "many"}) == ["/payload/number"]

    @pytest.mark.parametrize("payload", [None, 1, "text", [], True])
    def test_a_payload_that_is_no_object_is_refused(self, payload: Any) -> None:
        assert pointers(payload=payload) == ["/payload"]

    @pytest.mark.parametrize("payload", [{"a": float("inf")}, {"a": {"b": [float("nan")]}}])
    def test_a_payload_that_is_not_json_is_refused(self, payload: Any) -> None:
        assert pointers(payload=payload) == ["/payload"]

    def test_a_payload_that_grows_past_the_limit_when_written_is_refused(self) -> None:
        """1e15 takes four characters in a body and eighteen in a row."""
        numbers = [1e15] * (PAYLOAD_LIMIT_BYTES // 18)
        assert pointers(payload={"numbers": numbers}) == ["/payload"]

    @pytest.mark.parametrize(("name", "seconds"), [("test.fast", 100.1), ("test.long", 840.1)])
    def test_a_timeout_over_its_lanes_limit_is_refused(self, name: str, seconds: float) -> None:
        assert pointers(name, timeout_seconds=seconds) == ["/timeout_seconds"]

    @pytest.mark.parametrize(("name", "seconds"), [("test.fast", 100), ("test.long", 840)])
    def test_the_limit_itself_is_fine(self, name: str, seconds: float) -> None:
        assert make(name, timeout_seconds=seconds).timeout_seconds == seconds


BODY: dict[str, Any] = {"type": "test.fast", "payload": {"a": 1, "b": [2]}, "tags": ("x",)}


class TestFingerprint:
    def test_the_order_of_fields_does_not_matter(self) -> None:
        turned = NewTask(**{**BODY, "payload": {"b": [2], "a": 1}})
        assert turned.fingerprint() == NewTask(**BODY).fingerprint()

    @pytest.mark.parametrize(
        "other",
        [
            {"type": "test.long"},
            {"payload": {"a": 1, "b": [3]}},
            {"payload": {"a": "1", "b": [2]}},
            {"payload": None},
            {"tags": ("y",)},
            {"tags": ()},
            {"max_attempts": 1},
            {"timeout_seconds": 1.0},
            {"delay_seconds": 1.0},
            {"run_at": NOW},
            {"expires_at": NOW},
        ],
    )
    def test_every_field_matters(self, other: dict[str, Any]) -> None:
        assert NewTask(**{**BODY, **other}).fingerprint() != NewTask(**BODY).fingerprint()
