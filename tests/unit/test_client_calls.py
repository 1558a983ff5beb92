"""One call of the client: its request, its retries and its errors."""

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
from task_service_client._effects import Response
from task_service_client._errors import refusal
from task_service_client._retries import retry_after
from tests.support.effect_player import TASK_ID, EffectPlayer, ok, problem, task

LOST_REPLY = Unreachable("scripted")
NEVER_SENT = Unreachable("scripted", unsent=True)
CREATED = Response(status=201, body=task(1, "queued"))


class TestCreating:
    def test_every_try_carries_the_same_key_so_that_there_is_one_task(self) -> None:
        player = EffectPlayer(LOST_REPLY, problem(503), CREATED)
        assert player.perform(player.operations().create("demo.sleep", {"seconds": 1})).id == TASK_ID
        keys = [request.headers["idempotency-key"] for request in player.requests]
        assert len(keys) == 3
        assert len(set(keys)) == 1

    def test_two_calls_have_different_keys(self) -> None:
        player = EffectPlayer(CREATED, CREATED)
        for _ in range(2):
            player.perform(player.operations().create("demo.sleep"))
        first, second = [request.headers["idempotency-key"] for request in player.requests]
        assert first != second

    def test_fields_without_a_value_are_not_sent(self) -> None:
        player = EffectPlayer(CREATED)
        moment = datetime(2026, 1, 31, tzinfo=UTC)
        steps = player.operations().create("demo.sleep", tags=["a"], run_at=moment, idempotency_key="mine")
        player.perform(steps)
        assert player.requests[0].body == {
            "type": "demo.sleep",
            "payload": {},
            "tags": ["a"],
            "run_at": "2026-01-31T00:00:00+00:00",
        }
        assert player.requests[0].headers["idempotency-key"] == "mine"

    def test_a_time_without_a_zone_is_refused_by_the_client(self) -> None:
        naive = datetime(2026, 1, 31)  # noqa: DTZ001
        with pytest.raises(ValueError, match="time zone"):
            EffectPlayer().perform(EffectPlayer().operations().create("demo.sleep", run_at=naive))

    def test_a_task_that_finishes_during_the_wait_has_its_result(self) -> None:
        player = EffectPlayer(Response(status=201, body=task(4, "succeeded", result=7)))
        assert player.perform(player.operations().create("demo.sleep", wait=7.5)).result == 7
        assert player.requests[0].headers["prefer"] == "wait=8"
        assert player.requests[0].patience_seconds == 8

    def test_a_batch_returns_a_task_or_an_error_for_each_task(self) -> None:
        refused = {"status": 422, "code": "invalid", "detail": "No.", "errors": []}
        results = [{"status": 201, "task": task(1)}, {"status": 422, "problem": refused}]
        player = EffectPlayer(Response(status=207, body={"results": results}))
        created, invalid = player.perform(player.operations().create_many([{"type": "a"}, {"type": "b"}]))
        assert isinstance(created, Task)
        assert isinstance(invalid, Invalid)


class TestRetries:
    def test_waits_grow_and_are_random(self) -> None:
        player = EffectPlayer(*[problem(503)] * 4, ok(task(1)))
        player.perform(player.operations(draw=0.5).get(TASK_ID))
        assert player.slept == [0.25, 0.5, 1.0, 2.0]

    def test_the_last_error_is_raised_after_all_tries(self) -> None:
        player = EffectPlayer(*[problem(503)] * 5)
        with pytest.raises(Unavailable):
            player.perform(player.operations().get(TASK_ID))
        assert len(player.requests) == 5

    def test_a_wait_is_at_least_retry_after(self) -> None:
        asks = {"retry-after": "7"}
        player = EffectPlayer(Response(status=429, body={}, headers=asks), CREATED)
        player.perform(player.operations(draw=0.0).create("demo.sleep"))
        assert player.slept == [7.0]

    def test_a_retry_after_above_the_limit_ends_the_retries(self) -> None:
        player = EffectPlayer(Response(status=429, body={}, headers={"retry-after": "61"}))
        with pytest.raises(TooMany) as caught:
            player.perform(player.operations().create("demo.sleep"))
        assert caught.value.retry_after_seconds == 61

    def test_a_call_that_may_have_had_an_effect_is_not_repeated(self) -> None:
        operations = EffectPlayer().operations()
        for steps in (operations.create_many([{}]), operations.retry(TASK_ID), operations.cancel(TASK_ID)):
            player = EffectPlayer(LOST_REPLY)
            with pytest.raises(Unreachable):
                player.perform(steps)

    @pytest.mark.parametrize("harmless", [NEVER_SENT, problem(429)])
    def test_a_call_without_an_effect_is_repeated(self, harmless: Response | Unreachable) -> None:
        player = EffectPlayer(harmless, ok(task(2, "queued")))
        assert player.perform(player.operations().retry(TASK_ID)).version == 2

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 422])
    def test_a_refused_call_is_not_repeated(self, status: int) -> None:
        player = EffectPlayer(problem(status))
        with pytest.raises(Refused):
            player.perform(player.operations().get(TASK_ID))

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
        player = EffectPlayer(LOST_REPLY, problem(404))
        player.perform(player.operations().delete(TASK_ID))
        assert len(player.requests) == 2

    def test_an_unknown_task_is_not_found(self) -> None:
        player = EffectPlayer(problem(404))
        with pytest.raises(NotFound):
            player.perform(player.operations().delete(TASK_ID))


class TestErrors:
    def test_an_error_has_the_fields_of_the_problem_document(self) -> None:
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
    def test_each_status_has_its_exception(self, status: int, kind: type[Refused]) -> None:
        assert type(refusal(status, {})) is kind

    def test_a_response_of_another_server_is_an_error(self) -> None:
        player = EffectPlayer(Response(status=200, body="<html>"))
        with pytest.raises(Refused, match="address of a task service"):
            player.perform(player.operations().get(TASK_ID))


class TestLists:
    def test_pages_after_an_empty_one_are_read(self) -> None:
        pages = [
            ok({"tasks": [task(1)], "next_cursor": "x"}),
            ok({"tasks": [], "next_cursor": "y"}),
            ok({"tasks": [task(2)], "next_cursor": None}),
        ]
        player = EffectPlayer(*pages)
        found = [*player.emitted(player.operations().list(status="queued"))]
        assert [each.version for each in found] == [1, 2]
        assert [request.query["cursor"] for request in player.requests] == [None, "x", "y"]
        assert {request.query["status"] for request in player.requests} == {"queued"}

    def test_a_limit_ends_the_reading(self) -> None:
        player = EffectPlayer(ok({"tasks": [task(1), task(2), task(3)], "next_cursor": "x"}))
        found = [*player.emitted(player.operations().list(limit=2))]
        assert [each.version for each in found] == [1, 2]
        assert player.requests[0].query["limit"] == 2

    def test_a_page_is_read_when_it_is_needed(self) -> None:
        player = EffectPlayer(ok({"tasks": [task(1)], "next_cursor": "x"}))
        assert next(player.emitted(player.operations().list())).version == 1


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
        player = EffectPlayer(
            ok({"groups": [newer, other], "next_cursor": "x"}), ok({"groups": [older], "next_cursor": None})
        )
        first, second = player.perform(player.operations().dead_letter_groups())
        assert (first.id, first.count, first.message) == ("g", 7, "new")
        assert first.task_ids == ("3", "4", "5", "6", "1")
        assert first.first_failed_at == datetime(2026, 1, 1, tzinfo=UTC)
        assert second.id == "h"

    def test_pending_dead_letters_are_those_in_the_queue(self) -> None:
        depth = {"ready": 2, "delayed": 0, "in_flight": 1}
        player = EffectPlayer(ok({"queues": {"dead-letters": depth, "fast": {"ready": 9}}}))
        assert player.perform(player.operations().stats()).pending_dead_letters == 3

    def test_a_redrive_is_polled_until_it_is_finished(self) -> None:
        polls = [ok({"id": "r", "status": status}) for status in ("running", "running", "done")]
        player = EffectPlayer(*polls)
        seen: list[str] = []
        redrive = player.perform(
            player.operations().wait_for_redrive("r", on_update=lambda redrive: seen.append(redrive.status))
        )
        assert redrive.finished
        assert seen == ["running", "running", "done"]

    def test_a_filter_is_sent_with_its_times_as_text(self) -> None:
        player = EffectPlayer(ok({"matched": 3, "more": False, "sample": [task(1)]}))
        moment = datetime(2026, 1, 1, tzinfo=UTC)
        preview = player.perform(
            player.operations().preview_redrive({"type": "a", "created_before": moment}, action="cancel")
        )
        assert (preview.matched, preview.sample[0].id) == (3, TASK_ID)
        assert player.requests[0].body == {
            "action": "cancel",
            "filter": {"type": "a", "created_before": "2026-01-01T00:00:00+00:00"},
            "dry_run": True,
        }
