"""POST /tasks/batch: many tasks in one request, each with its own result."""

from __future__ import annotations

from typing import Any

import pytest

from testing.kit import Kit
from tests.functional.conftest import Handlers, Http
from tests.support.aws_state import documents, items, take_messages
from tests.support.aws_wire import Wire

pytestmark = pytest.mark.usefixtures("script")

GOOD: dict[str, Any] = {"type": "test.fast"}
TWO_STARTS = ["/tasks/1/delay_seconds", "/tasks/1/run_at"]


def post(http: Http, *tasks: Any) -> list[dict[str, Any]]:
    answer = http.post("/tasks/batch", {"tasks": list(tasks)})
    assert answer.status_code == 207
    results: list[dict[str, Any]] = answer.json_body["results"]
    assert len(results) == len(tasks)
    return results


class TestAnswers:
    def test_results_are_in_the_order_of_the_tasks(self, http: Http) -> None:
        """Given good and bad tasks, when they are posted together, then the good ones are stored."""
        results = post(
            http,
            {**GOOD, "payload": {"number": 1}},
            {"type": "nope"},
            {**GOOD, "payload": {"number": 2}},
            {**GOOD, "colour": "blue"},
            5,
        )
        assert [result["status"] for result in results] == [201, 422, 201, 422, 422]
        assert [results[n]["task"]["payload"]["number"] for n in (0, 2)] == [1, 2]
        for number in (0, 2):
            task = results[number]["task"]
            assert http.get(f"/tasks/{task['id']}").json_body == task

    @pytest.mark.parametrize(
        ("task", "pointers"),
        [
            ({"type": "nope"}, ["/tasks/1/type"]),
            ({}, ["/tasks/1/type"]),
            ({**GOOD, "payload": {"number": "x"}}, ["/tasks/1/payload/number"]),
            ({**GOOD, "max_attempts": 26, "tags": ["a", ""]}, ["/tasks/1/max_attempts", "/tasks/1/tags/1"]),
            ({**GOOD, "delay_seconds": 1, "run_at": "2030-01-01T00:00:00Z"}, TWO_STARTS),
            (None, ["/tasks/1"]),
            ([], ["/tasks/1"]),
            ("text", ["/tasks/1"]),
        ],
    )
    def test_a_problem_points_into_the_batch(self, http: Http, task: Any, pointers: list[str]) -> None:
        problem = post(http, GOOD, task)[1]["problem"]
        assert (problem["status"], problem["code"]) == (422, "invalid")
        assert [error["pointer"] for error in problem["errors"]] == pointers

    def test_a_batch_has_at_most_a_hundred_tasks(self, http: Http, kit: Kit) -> None:
        results = post(http, *[GOOD] * 100)
        ids = [result["task"]["id"] for result in results]
        assert len(set(ids)) == 100
        assert len(items(kit, "tasks")) == 100
        assert len(take_messages(kit, "fast")) == 100

        answer = http.post("/tasks/batch", {"tasks": [GOOD] * 101})
        assert answer.status_code == 422
        assert answer.json_body["errors"][0]["pointer"] == "/tasks"


class TestMessages:
    def test_messages_are_sent_to_each_lane_ten_at_a_time(self, http: Http, kit: Kit) -> None:
        wire = Wire(kit.services)
        post(http, *[GOOD] * 21, {"type": "test.long"}, {**GOOD, "delay_seconds": 86_400})
        sizes = [len(request["Entries"]) for request in wire.sent("SendMessageBatch")]
        assert sorted(sizes) == [1, 1, 10, 10]
        assert len(take_messages(kit, "long")) == 1

    def test_a_batch_of_one_is_one_message(self, http: Http, kit: Kit) -> None:
        wire = Wire(kit.services)
        post(http, GOOD, {"type": "nope"})
        assert len(wire.sent("SendMessage")) == 1


class TestPayloads:
    def test_large_payloads_are_stored_separately_in_one_request(self, http: Http, kit: Kit) -> None:
        wire = Wire(kit.services)
        results = post(http, *({**GOOD, "payload": {"text": letter * 2000}} for letter in "abc"))
        assert [result["status"] for result in results] == [201] * 3
        assert wire.counts()["BatchWriteItem"] == 1
        for result, letter in zip(results, "abc", strict=True):
            assert kit.get(result["task"]["id"])["payload"] == {"text": letter * 2000}


class TestFailures:
    def test_one_task_that_cannot_be_stored_does_not_stop_the_others(self, http: Http, kit: Kit) -> None:
        wire = Wire(kit.services)
        wire.fail_statement("ThrottlingError", lambda insert: {"N": "7"} in insert["Parameters"])
        wire.refuse("PutItem", lambda put: put["Item"].get("max_attempts") == {"N": "7"})
        results = post(http, GOOD, {**GOOD, "max_attempts": 7}, GOOD)
        assert [result["status"] for result in results] == [201, 503, 201]
        assert results[1]["problem"]["code"] == "unavailable"
        assert len(take_messages(kit, "fast")) == 2

    def test_an_unexpected_error_shows_no_details(self, http: Http, kit: Kit) -> None:
        def fail() -> None:
            raise RuntimeError("s3cret")

        Wire(kit.services).before("PutItem", fail)
        answer = http.post("/tasks/batch", {"tasks": [GOOD]})
        assert answer.json_body["results"][0]["problem"]["code"] == "internal"
        assert b"s3cret" not in answer.body

    def test_the_sweep_sends_messages_that_could_not_be_sent(
        self, http: Http, kit: Kit, handlers: Handlers
    ) -> None:
        Wire(kit.services).refuse("SendMessageBatch")
        assert [result["status"] for result in post(http, GOOD, GOOD)] == [201, 201]
        assert take_messages(kit, "fast") == []
        kit.clock.advance(120)
        handlers.sweep()
        assert len(take_messages(kit, "fast")) == 2

    def test_a_lost_reply_creates_no_second_task(self, http: Http, kit: Kit) -> None:
        Wire(kit.services).lose_reply("PutItem")
        post(http, GOOD, GOOD)
        assert len(items(kit, "tasks")) == 2

    def test_a_large_payload_is_stored_separately(self, http: Http, kit: Kit) -> None:
        (result,) = post(http, {**GOOD, "payload": {"text": "x" * 2000}})
        assert documents(kit, result["task"]["id"]) == ["payload"]
