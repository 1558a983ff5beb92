"""One call of the client: what is sent, when it is tried again, what an error tells."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from task_service_client import (
    Conflict,
    Invalid,
    NotFound,
    Refused,
    Retries,
    Task,
    TooMany,
    Unavailable,
    Unreachable,
)
from task_service_client.effects import Response
from task_service_client.errors import refusal
from task_service_client.retries import retry_after
from tests.support.effect_player import TASK_ID, Outside, ok, problem, task

LOST_REPLY = Unreachable("scripted")
NEVER_SENT = Unreachable("scripted", unsent=True)
CREATED = Response(status=201, body=task(1, "queued"))


class TestCreating:
    def test_every_try_carries_the_same_key_so_that_there_is_one_task(self) -> None:
        outside = Outside(LOST_REPLY, problem(503), CREATED)
        assert outside.perform(outside.operations().create("demo.sleep", {"seconds": 1})).id == TASK_ID
        keys = [request.headers["idempotency-key"] for request in outside.requests]
        assert len(keys) == 3
        assert len(set(keys)) == 1

    def test_two_calls_have_different_keys(self) -> None:
        outside = Outside(CREATED, CREATED)
        for _ in range(2):
            outside.perform(outside.operations().create("demo.sleep"))
        first, second = [request.headers["idempotency-key"] for request in outside.requests]
        assert first != second

    def test_only_what_is_given_is_sent(self) -> None:
        outside = Outside(CREATED)
        moment = datetime(2026, 1, 31, tzinfo=UTC)
        steps = outside.operations().create("demo.sleep", tags=["a"], run_at=moment, idempotency_key="mine")
        outside.perform(steps)
        assert outside.requests[0].body == {
            "type": "demo.sleep",
            "payload": {},
            "tags": ["a"],
            "run_at": "2026-01-31T00:00:00+00:00",
        }
        assert outside.requests[0].headers["idempotency-key"] == "mine"

    def test_a_time_without_a_zone_is_refused_here(self) -> None:
        naive = datetime(2026, 1, 31)  # noqa: DTZ001
        with pytest.raises(ValueError, match="time zone"):
            Outside().perform(Outside().operations().create("demo.sleep", run_at=naive))

    def test_a_fast_task_may_come_with_its_result(self) -> None:
        outside = Outside(Response(status=201, body=task(4, "succeeded", result=7)))
        assert outside.perform(outside.operations().create("demo.sleep", wait=7.5)).result == 7
        assert outside.requests[0].headers["prefer"] == "wait=8"
        assert outside.requests[0].patience_seconds == 8

    def test_a_batch_tells_of_each_task(self) -> None:
        refused = {"status": 422, "code": "invalid", "detail": "No.", "errors": []}
        results = [{"status": 201, "task": task(1)}, {"status": 422, "problem": refused}]
        outside = Outside(Response(status=207, body={"results": results}))
        made, wrong = outside.perform(outside.operations().create_many([{"type": "a"}, {"type": "b"}]))
        assert isinstance(made, Task)
        assert isinstance(wrong, Invalid)


class TestTryingAgain:
    def test_waits_grow_and_are_random(self) -> None:
        outside = Outside(*[problem(503)] * 4, ok(task(1)))
        outside.perform(outside.operations(draw=0.5).get(TASK_ID))
        assert outside.slept == [0.25, 0.5, 1.0, 2.0]

    def test_the_last_error_is_raised_after_all_tries(self) -> None:
        outside = Outside(*[problem(503)] * 5)
        with pytest.raises(Unavailable):
            outside.perform(outside.operations().get(TASK_ID))
        assert len(outside.requests) == 5

    def test_it_waits_as_long_as_the_service_asks(self) -> None:
        asks = {"retry-after": "7"}
        outside = Outside(Response(status=429, body={}, headers=asks), CREATED)
        outside.perform(outside.operations(draw=0.0).create("demo.sleep"))
        assert outside.slept == [7.0]

    def test_who_asks_for_too_long_is_not_waited_for(self) -> None:
        outside = Outside(Response(status=429, body={}, headers={"retry-after": "61"}))
        with pytest.raises(TooMany) as caught:
            outside.perform(outside.operations().create("demo.sleep"))
        assert caught.value.retry_after_seconds == 61

    def test_what_might_have_been_done_is_not_done_again(self) -> None:
        operations = Outside().operations()
        for steps in (operations.create_many([{}]), operations.retry(TASK_ID), operations.cancel(TASK_ID)):
            outside = Outside(LOST_REPLY)
            with pytest.raises(Unreachable):
                outside.perform(steps)

    @pytest.mark.parametrize("harmless", [NEVER_SENT, problem(429)])
    def test_what_did_nothing_may_be_done_again(self, harmless: Response | Unreachable) -> None:
        outside = Outside(harmless, ok(task(2, "queued")))
        assert outside.perform(outside.operations().retry(TASK_ID)).version == 2

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 422])
    def test_a_refusal_stays_one(self, status: int) -> None:
        outside = Outside(problem(status))
        with pytest.raises(Refused):
            outside.perform(outside.operations().get(TASK_ID))

    @pytest.mark.parametrize(
        ("text", "seconds"),
        [
            ("3", 3),
            ("Tue, 24 Nov 2026 09:00:30 GMT", 30),
            ("Tue, 24 Nov 2026 08:00:00 GMT", 0),
            ("", None),
            ("soon", None),
        ],
    )
    def test_retry_after_is_a_number_or_a_date(self, text: str, seconds: float | None) -> None:
        now = datetime(2026, 11, 24, 9, tzinfo=UTC)
        assert retry_after({"retry-after": text}, now) == seconds

    def test_no_wait_is_longer_than_the_cap(self) -> None:
        assert Retries(cap_seconds=2).backoff(1000, 1.0) == 2


class TestDeleting:
    def test_a_task_that_is_gone_at_the_second_try_was_deleted_by_the_first(self) -> None:
        outside = Outside(LOST_REPLY, problem(404))
        outside.perform(outside.operations().delete(TASK_ID))
        assert len(outside.requests) == 2

    def test_a_task_that_never_was_is_not_found(self) -> None:
        outside = Outside(problem(404))
        with pytest.raises(NotFound):
            outside.perform(outside.operations().delete(TASK_ID))


class TestErrors:
    def test_a_problem_tells_all_that_was_said(self) -> None:
        document = {
            "title": "Unprocessable Content",
            "detail": "It does not fit.",
            "code": "invalid",
            "errors": [{"pointer": "/payload/seconds", "message": "too many"}],
        }
        error = refusal(422, document)
        assert isinstance(error, Invalid)
        assert (error.code, error.errors[0].pointer) == ("invalid", "/payload/seconds")
        assert str(error) == "It does not fit. (/payload/seconds: too many)"

    @pytest.mark.parametrize(
        ("status", "kind"), [(404, NotFound), (409, Conflict), (500, Unavailable), (418, Refused)]
    )
    def test_each_status_has_its_kind(self, status: int, kind: type[Refused]) -> None:
        assert type(refusal(status, {})) is kind

    def test_a_page_that_is_none_of_ours_is_told_so(self) -> None:
        outside = Outside(Response(status=200, body="<html>"))
        with pytest.raises(Refused, match="address of a task service"):
            outside.perform(outside.operations().get(TASK_ID))


class TestLists:
    def test_pages_are_read_to_the_end_even_where_one_is_empty(self) -> None:
        pages = [
            ok({"tasks": [task(1)], "next_cursor": "x"}),
            ok({"tasks": [], "next_cursor": "y"}),
            ok({"tasks": [task(2)], "next_cursor": None}),
        ]
        outside = Outside(*pages)
        found = [*outside.emitted(outside.operations().list(status="queued"))]
        assert [each.version for each in found] == [1, 2]
        assert [request.query["cursor"] for request in outside.requests] == [None, "x", "y"]
        assert {request.query["status"] for request in outside.requests} == {"queued"}

    def test_a_limit_ends_the_reading(self) -> None:
        outside = Outside(ok({"tasks": [task(1), task(2), task(3)], "next_cursor": "x"}))
        found = [*outside.emitted(outside.operations().list(limit=2))]
        assert [each.version for each in found] == [1, 2]
        assert outside.requests[0].query["limit"] == 2

    def test_pages_are_read_as_they_are_needed(self) -> None:
        outside = Outside(ok({"tasks": [task(1)], "next_cursor": "x"}))
        assert next(outside.emitted(outside.operations().list())).version == 1


class TestDeadLetters:
    def test_a_group_on_two_pages_is_one_group(self) -> None:
        older = {
            "id": "g",
            "type": "a",
            "kind": "timeout",
            "error_type": "T",
            "message": "old",
            "count": 2,
            "first_failed_at": "2026-01-01T00:00:00Z",
            "last_failed_at": "2026-01-02T00:00:00Z",
            "task_ids": ["1", "2"],
        }
        newer = {
            **older,
            "message": "new",
            "count": 5,
            "first_failed_at": "2026-01-03T00:00:00Z",
            "last_failed_at": "2026-01-04T00:00:00Z",
            "task_ids": ["3", "4", "5", "6"],
        }
        other = {**older, "id": "h", "count": 6}
        outside = Outside(
            ok({"groups": [newer, other], "next_cursor": "x"}), ok({"groups": [older], "next_cursor": None})
        )
        first, second = outside.perform(outside.operations().dead_letter_groups())
        assert (first.id, first.count, first.message) == ("g", 7, "new")
        assert first.task_ids == ("3", "4", "5", "6", "1")
        assert first.first_failed_at == datetime(2026, 1, 1, tzinfo=UTC)
        assert second.id == "h"

    def test_a_redrive_is_looked_at_until_its_end(self) -> None:
        looks = [ok({"id": "r", "status": status}) for status in ("running", "running", "done")]
        outside = Outside(*looks)
        seen: list[str] = []
        redrive = outside.perform(
            outside.operations().wait_for_redrive("r", on_update=lambda redrive: seen.append(redrive.status))
        )
        assert redrive.finished
        assert seen == ["running", "running", "done"]

    def test_a_filter_goes_as_it_is(self) -> None:
        outside = Outside(ok({"matched": 3, "more": False, "sample": [task(1)]}))
        moment = datetime(2026, 1, 1, tzinfo=UTC)
        preview = outside.perform(
            outside.operations().preview_redrive({"type": "a", "created_before": moment}, action="cancel")
        )
        assert (preview.matched, preview.sample[0].id) == (3, TASK_ID)
        assert outside.requests[0].body == {
            "action": "cancel",
            "filter": {"type": "a", "created_before": "2026-01-01T00:00:00+00:00"},
            "dry_run": True,
        }
