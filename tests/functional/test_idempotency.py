"""Idempotency-Key: repeated posts create one task."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest

from chalicelib.aws.sdk.client import error_type
from chalicelib.domain.errors import IdempotencyMismatch
from chalicelib.domain.formats import timestamp
from chalicelib.domain.new_task import NewTask
from testing.kit import Kit
from tests.functional.conftest import Handlers, Http
from tests.support.aws_state import documents, items, take_messages
from tests.support.aws_wire import Wire

pytestmark = pytest.mark.usefixtures("script")

BODY: dict[str, Any] = {"type": "test.fast", "payload": {"number": 1, "text": "a"}}
BIG: dict[str, Any] = {"type": "test.fast", "payload": {"text": "x" * 2000}}
DAY = 86_400


def task_rows(kit: Kit) -> list[dict[str, Any]]:
    return items(kit, "tasks", "task#")


class TestReplay:
    def test_the_first_post_creates_the_task(self, http: Http, kit: Kit) -> None:
        answer = http.post("/tasks", BODY, idempotency_key="k1")
        assert answer.status_code == 201
        assert "Idempotency-Replayed" not in answer.headers
        assert len(take_messages(kit, "fast")) == 1

    def test_the_same_post_again_returns_the_current_task(
        self, http: Http, kit: Kit, handlers: Handlers
    ) -> None:
        first = http.post("/tasks", BIG, idempotency_key="k1").json_body
        handlers.run(first)
        take_messages(kit, "fast")

        again = http.post("/tasks", BIG, idempotency_key="k1")
        assert again.status_code == 200
        assert again.headers["Idempotency-Replayed"] == "true"
        assert again.headers["Location"] == f"./tasks/{first['id']}"
        assert again.json_body == http.get(f"/tasks/{first['id']}").json_body | {"stream": None}
        assert again.json_body["status"] == "succeeded"
        assert again.json_body["payload"] == BIG["payload"]
        assert len(task_rows(kit)) == 1
        assert take_messages(kit, "fast") == []

    def test_the_same_request_may_be_spelled_differently(self, http: Http) -> None:
        first = http.post("/tasks", BODY, idempotency_key="k1").json_body
        text = b'{ "payload": {"text":"\\u0061", "number":1}, "type": "test.fast" }'
        assert http.post_raw("/tasks", text, idempotency_key="k1").json_body["id"] == first["id"]

    def test_different_keys_create_different_tasks(self, http: Http) -> None:
        ids = {http.post("/tasks", BODY, idempotency_key=key).json_body["id"] for key in ("a", "b", "A")}
        assert len(ids) == 3

    def test_owners_do_not_share_keys(self, kit: Kit) -> None:
        new_task = NewTask(type="test.fast")
        one, _ = kit.services.task_creator.create_once("ada", new_task, "k1")
        other, replayed = kit.services.task_creator.create_once("bob", new_task, "k1")
        assert one.id != other.id
        assert not replayed

    def test_the_payload_of_a_replayed_post_leaves_nothing_behind(self, http: Http, kit: Kit) -> None:
        for _ in range(3):
            task = http.post("/tasks", BIG, idempotency_key="k1").json_body
        assert [item["pk"]["S"] for item in items(kit, "documents")] == [task["id"]]
        assert documents(kit, task["id"]) == ["payload"]

    def test_a_post_sent_again_after_its_expiry_is_still_a_replay(self, http: Http, kit: Kit) -> None:
        """The first post was valid, so its sender must receive the task."""
        body = {**BODY, "expires_at": timestamp(kit.clock() + timedelta(seconds=60))}
        first = http.post("/tasks", body, idempotency_key="k1").json_body
        kit.clock.advance(61)
        again = http.post("/tasks", body, idempotency_key="k1")
        assert (again.status_code, again.json_body["id"]) == (200, first["id"])


class TestRefusals:
    def test_a_key_used_with_another_body_is_refused(self, http: Http, kit: Kit) -> None:
        http.post("/tasks", BODY, idempotency_key="k1")
        answer = http.post("/tasks", {**BODY, "payload": {"number": 2}}, idempotency_key="k1")
        assert answer.status_code == 422
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json_body["code"] == "idempotency_mismatch"
        assert len(task_rows(kit)) == 1

    def test_an_invalid_body_is_refused_with_its_field_errors_for_any_key(self, http: Http) -> None:
        http.post("/tasks", BODY, idempotency_key="k1")
        answer = http.post("/tasks", {**BODY, "payload": {"number": "x"}}, idempotency_key="k1")
        assert answer.json_body["errors"][0]["pointer"] == "/payload/number"

    @pytest.mark.parametrize("key", ["", "k" * 256, "k" * 10_000])
    def test_a_key_has_1_to_255_characters(self, http: Http, kit: Kit, key: str) -> None:
        answer = http.post("/tasks", BODY, idempotency_key=key)
        assert (answer.status_code, answer.json_body["code"]) == (400, "malformed")
        assert items(kit, "tasks") == []

    def test_a_key_of_255_characters_is_accepted(self, http: Http) -> None:
        assert http.post("/tasks", BODY, idempotency_key="k" * 255).status_code == 201

    def test_a_batch_takes_no_key(self, http: Http, kit: Kit) -> None:
        answer = http.post("/tasks/batch", {"tasks": [BODY]}, idempotency_key="k1")
        assert answer.status_code == 400
        assert items(kit, "tasks") == []

    def test_a_key_whose_task_was_deleted_is_used_up(self, http: Http, handlers: Handlers) -> None:
        task = http.post("/tasks", BODY, idempotency_key="k1").json_body
        handlers.run(task)
        assert http.delete(f"/tasks/{task['id']}").status_code == 204
        answer = http.post("/tasks", BODY, idempotency_key="k1")
        assert answer.status_code == 409
        assert "new key" in answer.json_body["detail"]


class TestExpiry:
    """DynamoDB's TTL deletes late: a key older than 24 hours counts as absent even if its item exists."""

    def test_a_key_is_remembered_for_24_hours(self, http: Http, kit: Kit) -> None:
        first = http.post("/tasks", BODY, idempotency_key="k1").json_body
        kit.clock.advance(DAY - 1)
        assert http.post("/tasks", BODY, idempotency_key="k1").json_body["id"] == first["id"]

    def test_an_expired_key_may_be_used_for_another_body(self, http: Http, kit: Kit) -> None:
        http.post("/tasks", BODY, idempotency_key="k1")
        kit.clock.advance(DAY)
        assert http.post("/tasks", BIG, idempotency_key="k1").status_code == 201
        assert http.post("/tasks", BIG, idempotency_key="k1").status_code == 200
        assert len(task_rows(kit)) == 2

    def test_an_expired_key_with_an_invalid_body_is_refused(self, http: Http, kit: Kit) -> None:
        body = {**BODY, "expires_at": timestamp(kit.clock() + timedelta(seconds=60))}
        http.post("/tasks", body, idempotency_key="k1")
        kit.clock.advance(DAY)
        assert http.post("/tasks", body, idempotency_key="k1").status_code == 422

    def test_the_item_has_a_ttl(self, http: Http, kit: Kit) -> None:
        http.post("/tasks", BODY, idempotency_key="k1")
        (key,) = items(kit, "tasks", "key#")
        assert int(key["ttl"]["N"]) == kit.clock().timestamp() + DAY


class TestAtTheSameTime:
    def test_20_posts_with_one_key_create_one_task(self, kit: Kit) -> None:
        """Given twenty containers, when all receive the same post at once, then one creates the task."""
        containers = [kit.new_services() for _ in range(20)]
        together = Barrier(20)

        def post(number: int) -> tuple[str, bool]:
            together.wait()
            task, replayed = containers[number].task_creator.create_once("default", NewTask(**BIG), "k1")
            return task.id, replayed

        with ThreadPoolExecutor(20) as threads:
            answers = list(threads.map(post, range(20)))
        assert len({task_id for task_id, _ in answers}) == 1
        assert sorted(replayed for _, replayed in answers) == [False] + [True] * 19
        assert len(task_rows(kit)) == 1
        assert len(items(kit, "documents")) == 1
        assert len(take_messages(kit, "fast")) == 1

    def test_one_of_two_bodies_with_one_key_wins(self, kit: Kit) -> None:
        together = Barrier(10)

        def post(number: int) -> str | None:
            together.wait()
            try:
                new_task = NewTask(type="test.fast", payload={"number": number % 2})
                return kit.services.task_creator.create_once("default", new_task, "k1")[0].id
            except IdempotencyMismatch:
                return None

        with ThreadPoolExecutor(10) as threads:
            answers = list(threads.map(post, range(10)))
        assert len(set(answers) - {None}) == 1
        assert answers.count(None) == 5
        assert len(task_rows(kit)) == 1


def conflict() -> Callable[[], None]:
    """DynamoDB's error for two conflicting transactions on one key."""

    def meet() -> None:
        code = "TransactionCanceledException"
        reasons = {"CancellationReasons": [{"Code": "TransactionConflict"}, {"Code": "None"}]}
        raise error_type(code)("TransactWriteItems", code, 400, reasons)

    return meet


class TestFailures:
    def test_a_lost_reply_is_no_replay(self, http: Http, kit: Kit) -> None:
        """The SDK sends the transaction again and recognizes its own first copy."""
        Wire(kit.services).lose_reply("TransactWriteItems")
        answer = http.post("/tasks", BIG, idempotency_key="k1")
        assert answer.status_code == 201
        assert len(task_rows(kit)) == 1
        assert documents(kit, answer.json_body["id"]) == ["payload"]
        assert len(take_messages(kit, "fast")) == 1

    def test_conflicting_transactions_are_retried(self, http: Http, kit: Kit) -> None:
        wire = Wire(kit.services)
        for _ in range(3):
            wire.before("TransactWriteItems", conflict())
        assert http.post("/tasks", BODY, idempotency_key="k1").status_code == 201
        assert wire.counts()["TransactWriteItems"] == 4

    def test_conflicting_transactions_are_given_up_in_the_end(self, http: Http, kit: Kit) -> None:
        wire = Wire(kit.services)
        for _ in range(100):
            wire.before("TransactWriteItems", conflict())
        answer = http.post("/tasks", BIG, idempotency_key="k1")
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
        assert items(kit, "tasks") == []
        assert items(kit, "documents") == []

    def test_one_transaction_stores_the_key_and_the_task(self, http: Http, kit: Kit) -> None:
        wire = Wire(kit.services)
        task = http.post("/tasks", BODY, idempotency_key="k1").json_body
        (request,) = wire.sent("TransactWriteItems")
        assert request["ClientRequestToken"] == task["id"]
        assert len(request["TransactItems"]) == 2
        assert wire.counts() == {"GetQueueUrl": 1, "SendMessage": 1, "TransactWriteItems": 1, "UpdateItem": 1}
