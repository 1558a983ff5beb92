"""POST /tasks: a task is stored, queued and returned."""

from __future__ import annotations

import json
from datetime import timedelta, timezone
from typing import Any

import pytest

from chalicelib.domain.documents import INLINE_LIMIT_BYTES
from chalicelib.domain.formats import timestamp
from testing.kit import Kit
from tests.functional.conftest import Handlers, Http
from tests.support.aws_state import documents, items, row, take_messages
from tests.support.aws_wire import Wire

pytestmark = pytest.mark.usefixtures("script")


class TestAnswer:
    def test_the_response_has_location_and_version(self, http: Http, kit: Kit) -> None:
        answer = http.post("/tasks", {"type": "test.fast", "payload": {"number": 1}, "tags": ["a"]})
        task = answer.json_body
        now = timestamp(kit.clock())
        assert answer.status_code == 201
        assert answer.headers["Location"] == f"./tasks/{task['id']}"
        assert answer.headers["ETag"] == '"v1"'
        assert task == {
            "id": task["id"],
            "type": "test.fast",
            "status": "queued",
            "version": 1,
            "payload": {"number": 1},
            "result": None,
            "error": None,
            "progress": None,
            "attempt": 0,
            "max_attempts": 3,
            "timeout_seconds": 60.0,
            "attempts": [],
            "tags": ["a"],
            "created_at": now,
            "updated_at": now,
            "queued_at": now,
            "started_at": None,
            "finished_at": None,
            "run_at": now,
            "expires_at": None,
            "lease_until": None,
            "cancel_requested": False,
            "redrive_count": 0,
            "dead_lettered_at": None,
            "stream": None,
        }

    @pytest.mark.parametrize(
        "fields",
        [
            {},
            {"payload": {"text": "x" * INLINE_LIMIT_BYTES}},
            {"payload": {"text": "\x00 \ud800 é 😀 \u2028"}},
            {"payload": {"deep": [[[[{"a": None}]]]], "big": 10**300, "small": 1.5e-300}},
            {"timeout_seconds": 60.123456789},
            {"delay_seconds": 0.0015, "tags": ["a", "é", "a"]},
            {"expires_at": "9999-12-31T23:59:59Z", "max_attempts": 25},
        ],
    )
    def test_the_response_equals_a_later_read(self, http: Http, fields: dict[str, Any]) -> None:
        answer = http.post("/tasks", {"type": "test.fast", **fields})
        assert answer.status_code == 201
        task = {name: value for name, value in answer.json_body.items() if name != "stream"}
        assert http.get(f"/tasks/{task['id']}").json_body == task

    @pytest.mark.parametrize("hours", [-12, 0, 5.5, 14])
    def test_times_are_returned_in_utc_to_the_millisecond(self, http: Http, kit: Kit, hours: float) -> None:
        start = kit.clock() + timedelta(days=1, microseconds=123_999)
        text = start.astimezone(timezone(timedelta(hours=hours))).isoformat()
        task = http.post("/tasks", {"type": "test.fast", "run_at": text}).json_body
        assert task["run_at"] == timestamp(start)
        assert task["run_at"].endswith(".123Z")

    @pytest.mark.parametrize(
        "content_type", ["application/json", "application/json; charset=utf-8", "Application/JSON"]
    )
    def test_any_content_type_of_json_is_accepted(self, http: Http, content_type: str) -> None:
        answer = http.post_raw("/tasks", b'{"type":"test.fast"}', content_type=content_type)
        assert answer.status_code == 201

    def test_a_byte_order_mark_is_ignored(self, http: Http) -> None:
        assert http.post_raw("/tasks", b'\xef\xbb\xbf{"type":"test.fast"}').status_code == 201


class TestMessage:
    @pytest.mark.parametrize(("name", "lane"), [("test.fast", "fast"), ("test.long", "long")])
    def test_a_message_in_its_types_lane_names_the_row(
        self, http: Http, kit: Kit, name: str, lane: str
    ) -> None:
        task = http.post("/tasks", {"type": name, "payload": {"text": "s3cret"}}).json_body
        (message,) = take_messages(kit, lane)
        body = json.loads(message["Body"])
        assert body.pop("correlation_id")
        assert body == {"owner": "default", "id": task["id"], "lease": 0}

    @pytest.mark.parametrize(
        ("delay", "sent"), [(0, [0]), (0.5, [1]), (60, [60]), (900, [900]), (900.001, []), (86_400, [])]
    )
    def test_a_start_within_15_minutes_is_sent_at_once_with_its_delay(
        self, http: Http, kit: Kit, delay: float, sent: list[int]
    ) -> None:
        wire = Wire(kit.services)
        task = http.post("/tasks", {"type": "test.fast", "delay_seconds": delay}).json_body
        assert task["status"] == ("scheduled" if delay else "queued")
        assert [request["DelaySeconds"] for request in wire.sent("SendMessage")] == sent

    def test_the_sweep_sends_a_task_with_a_delay_of_20_minutes(
        self, http: Http, kit: Kit, handlers: Handlers
    ) -> None:
        task = http.post("/tasks", {"type": "test.fast", "delay_seconds": 1200}).json_body
        wire = Wire(kit.services)
        for _ in range(20):
            kit.clock.advance(60)
            handlers.sweep()
        (batch,) = wire.sent("SendMessageBatch")
        (entry,) = batch["Entries"]
        assert json.loads(entry["MessageBody"])["id"] == task["id"]
        assert entry["DelaySeconds"] in range(121)
        assert handlers.run(task).acknowledged
        assert http.get(f"/tasks/{task['id']}").json_body["status"] == "succeeded"


class TestCost:
    def test_a_small_task_is_one_write_and_one_message(self, http: Http, kit: Kit) -> None:
        http.post("/tasks", {"type": "test.fast"})
        wire = Wire(kit.services)
        http.post("/tasks", {"type": "test.fast"})
        assert wire.counts() == {"PutItem": 1, "SendMessage": 1}

    def test_a_large_payload_is_stored_separately_before_the_row(self, http: Http, kit: Kit) -> None:
        wire = Wire(kit.services)
        task = http.post("/tasks", {"type": "test.fast", "payload": {"text": "x" * 2000}}).json_body
        assert documents(kit, task["id"]) == ["payload"]
        assert row(kit, task["id"]).payload.missing
        tables = [request["TableName"].rpartition("-")[2] for request in wire.sent("PutItem")]
        assert tables == ["documents", "tasks"]


class TestFailures:
    def test_the_sweep_sends_a_task_whose_message_failed(
        self, http: Http, kit: Kit, handlers: Handlers
    ) -> None:
        """Given SQS fails, when a task is posted, then it is stored, returned, and sent two minutes later."""
        Wire(kit.services).refuse("SendMessage")
        answer = http.post("/tasks", {"type": "test.fast"})
        assert answer.status_code == 201
        assert take_messages(kit, "fast") == []

        handlers.sweep()
        assert take_messages(kit, "fast") == [], "it is not due yet"
        kit.clock.advance(120)
        handlers.sweep()
        (message,) = take_messages(kit, "fast")
        assert handlers.run_tasks(message["Body"]).acknowledged
        assert http.get(f"/tasks/{answer.json_body['id']}").json_body["status"] == "succeeded"

    def test_a_lost_reply_creates_no_second_task(self, http: Http, kit: Kit) -> None:
        """The SDK sends the same put again. An existing equal row is not an error."""
        wire = Wire(kit.services)
        wire.lose_reply("PutItem")
        answer = http.post("/tasks", {"type": "test.fast"})
        assert answer.status_code == 201
        assert [item["sk"]["S"] for item in items(kit, "tasks")] == [answer.json_body["id"]]
        assert wire.counts()["SendMessage"] == 1

    @pytest.mark.parametrize(
        ("method", "path", "operation"),
        [
            ("POST", "/tasks", "PutItem"),
            ("GET", "/tasks", "Query"),
            ("GET", "/health", "GetItem"),
            ("GET", "/stats", "Query"),
            ("GET", "/tasks/0190163d-8694-739b-aea5-966c26f8ad01", "GetItem"),
            ("DELETE", "/tasks/0190163d-8694-739b-aea5-966c26f8ad01", "GetItem"),
            ("POST", "/tasks/0190163d-8694-739b-aea5-966c26f8ad01/cancel", "GetItem"),
            ("POST", "/tasks/0190163d-8694-739b-aea5-966c26f8ad01/retry", "GetItem"),
        ],
    )
    def test_an_outage_of_dynamodb_is_a_503_with_retry_after(
        self, admin: Http, kit: Kit, method: str, path: str, operation: str
    ) -> None:
        wire = Wire(kit.services)
        wire.refuse(operation)
        body = b'{"type":"test.fast"}' if method == "POST" else b""
        answer = admin.request(method, path, body)
        assert answer.status_code == 503
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.headers["Retry-After"] == "1"
        assert answer.json_body["code"] == "unavailable"
        assert items(kit, "tasks") == []
        assert "SendMessage" not in wire.counts()

    def test_an_unexpected_error_shows_no_details(self, http: Http, kit: Kit) -> None:
        def fail() -> None:
            raise RuntimeError("s3cret")

        Wire(kit.services).before("PutItem", fail)
        answer = http.post("/tasks", {"type": "test.fast"})
        assert answer.status_code == 500
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json_body["code"] == "internal"
        assert b"s3cret" not in answer.body
        assert b"Traceback" not in answer.body


class TestTaskTypes:
    def test_the_types_are_listed_with_lane_schema_and_defaults(self, http: Http) -> None:
        answer = http.get("/task-types")
        fast, long = answer.json_body["task_types"]
        assert (fast["name"], fast["lane"], long["lane"]) == ("test.fast", "fast", "long")
        assert fast["description"] == "Record the run and call `work`."
        assert fast["payload_schema"]["properties"]["number"] == {
            "default": 0,
            "title": "Number",
            "type": "integer",
        }
        assert fast["defaults"] == {"max_attempts": 3, "timeout_seconds": 60.0}


def test_health_says_that_the_table_can_be_reached(http: Http) -> None:
    assert http.get("/health").json_body == {"status": "ok", "stage": "local"}


def test_a_start_in_the_past_becomes_now(http: Http, kit: Kit) -> None:
    run_at = timestamp(kit.clock() - timedelta(days=400))
    task = http.post("/tasks", {"type": "test.fast", "run_at": run_at}).json_body
    assert (task["status"], task["run_at"]) == ("queued", timestamp(kit.clock()))
