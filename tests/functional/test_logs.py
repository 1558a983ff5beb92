"""Logs and metrics: one request id per invocation, one correlation id per task."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

import app
from chalicelib.domain.outcomes import NonRetryable
from chalicelib.domain.task_types import TaskContext
from testing.kit import Kit
from tests.conftest import Printed
from tests.functional.conftest import Handlers, Http
from tests.support.aws_state import kill_worker, send_message, take_messages
from tests.support.aws_wire import Wire
from tests.support.lambda_events import LambdaContext, http_event
from tests.support.scripted_types import Script

pytestmark = pytest.mark.usefixtures("script")


def post_through_the_gateway(kit: Kit, body: Any, **more: str) -> dict[str, Any]:
    """POST /tasks as API Gateway passes it to Lambda, with a request id; return the task."""
    headers = {"authorization": f"Bearer {kit.token()}", **more}
    event = http_event("POST", "/tasks", body, headers=headers, request_id="gateway-1")
    task: dict[str, Any] = json.loads(app.app(event, LambdaContext())["body"])
    return task


def by_action(lines: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {line["action"]: line for line in lines if "action" in line}


class TestTrace:
    def test_a_correlation_id_goes_from_the_api_through_queue_and_stream(
        self, kit: Kit, handlers: Handlers, printed: Printed
    ) -> None:
        """Given a caller's X-Correlation-Id, when its task runs and is pushed, then all lines have the id."""
        task = post_through_the_gateway(kit, {"type": "test.fast"}, **{"x-correlation-id": "trace-1"})
        lines = by_action(printed())
        for action in ("task_created", "invocation_finished"):
            assert (lines[action]["request_id"], lines[action]["correlation_id"]) == ("gateway-1", "trace-1")
        assert lines["task_created"]["task_id"] == task["id"]

        (message,) = take_messages(kit, "fast")
        assert json.loads(message["Body"])["correlation_id"] == "trace-1"
        handlers.run_tasks(message["Body"])
        lines = by_action(printed())
        for action in ("task_started", "task_succeeded"):
            assert lines[action]["request_id"] == "request-1"
            assert lines[action]["correlation_id"] == "trace-1"
            assert lines[action]["task_id"] == task["id"]

        handlers.push()
        announced = [line for line in printed() if line.get("action") == "update_announced"]
        assert [line["version"] for line in announced] == [1, 2, 3]
        assert {line["correlation_id"] for line in announced} == {"trace-1"}
        assert {line["task_id"] for line in announced} == {task["id"]}

    def test_without_one_the_request_id_takes_its_place(
        self, kit: Kit, handlers: Handlers, printed: Printed
    ) -> None:
        post_through_the_gateway(kit, {"type": "test.fast"})
        assert by_action(printed())["task_created"]["correlation_id"] == "gateway-1"
        (message,) = take_messages(kit, "fast")
        assert json.loads(message["Body"])["correlation_id"] == "gateway-1"

    @pytest.mark.parametrize("sent_id", ["", "a b", "é", 'a"b', "a\nb", "<script>", "x" * 129])
    def test_an_invalid_correlation_id_is_ignored(self, kit: Kit, printed: Printed, sent_id: str) -> None:
        post_through_the_gateway(kit, {"type": "test.fast"}, **{"x-correlation-id": sent_id})
        assert by_action(printed())["task_created"]["correlation_id"] == "gateway-1"

    def test_lines_of_a_task_type_have_the_ids(
        self, kit: Kit, handlers: Handlers, script: Script, printed: Printed
    ) -> None:
        def work(payload: Any, context: TaskContext) -> None:
            context.log.info("Working", rows=7)

        script.work = work
        task = post_through_the_gateway(kit, {"type": "test.fast"}, **{"x-correlation-id": "trace-1"})
        handlers.run(task)
        (line,) = [line for line in printed() if line.get("message") == "Working"]
        assert (line["rows"], line["task_id"], line["correlation_id"]) == (7, task["id"], "trace-1")
        assert line["task_type"] == "test.fast"
        assert (line["request_id"], line["function"]) == ("request-1", "test")

    def test_every_invocation_ends_with_one_line(
        self, http: Http, handlers: Handlers, printed: Printed
    ) -> None:
        calls: list[Callable[[], Any]] = [
            lambda: http.get("/tasks"),
            lambda: handlers.run_tasks("hello"),
            lambda: handlers.push([]),
            lambda: handlers.connect("c1"),
            lambda: handlers.disconnect("c1"),
            handlers.sweep,
            handlers.watch_dead_letters,
        ]
        for call in calls:
            call()
            finished = [line for line in printed() if line.get("action") == "invocation_finished"]
            assert len(finished) == 1
            assert finished[0]["duration_ms"] >= 0

    def test_a_request_is_logged_with_its_status(self, http: Http, printed: Printed) -> None:
        http.get("/tasks/nope")
        line = by_action(printed())["invocation_finished"]
        assert (line["method"], line["path"], line["status"]) == ("GET", "/tasks/{task_id}", 404)


class TestCorrelationId:
    """All lines about a task have its correlation id, even in the request of another caller."""

    @pytest.mark.usefixtures("sockets")  # a task comes with a ticket
    def test_from_creation_to_deletion(
        self, kit: Kit, http: Http, handlers: Handlers, script: Script, printed: Printed
    ) -> None:
        """Given a task that crashes, is delivered twice, fails, is retried, canceled and deleted."""
        trace = "trace-1"
        task = post_through_the_gateway(
            kit, {"type": "test.fast", "max_attempts": 2}, **{"x-correlation-id": trace}
        )
        (message,) = take_messages(kit, "fast")
        kill_worker(kit, task)
        kit.clock.advance(3600)
        handlers.sweep()
        kit.clock.advance(3600)
        handlers.sweep()
        script.raises(NonRetryable("broken"))
        handlers.run_tasks(message["Body"])
        handlers.run_tasks(message["Body"])
        handlers.watch_dead_letters()
        for act in ("retry", "cancel"):
            http.post(f"/tasks/{task['id']}/{act}", x_correlation_id="of another request")
        http.delete(f"/tasks/{task['id']}")

        lines = [line for line in printed() if line.get("correlation_id") == trace]
        assert [line["action"] for line in lines if line["action"] != "invocation_finished"] == [
            "task_created",
            "task_retrying",
            "task_woken",
            "task_woken",
            "task_started",
            "task_failed",
            "claim_refused",
            "dead_letter_recorded",
            "task_redriven",
            "task_cancel",
            "task_deleted",
        ]

    def test_a_message_that_fails_or_bounces_is_logged_with_its_task(
        self, kit: Kit, handlers: Handlers, script: Script, printed: Printed
    ) -> None:
        task = post_through_the_gateway(kit, {"type": "test.fast"}, **{"x-correlation-id": "trace-1"})
        (message,) = take_messages(kit, "fast")
        Wire(kit.services).refuse("UpdateItem")
        assert not handlers.run_tasks(message["Body"]).acknowledged
        handlers.run_tasks(message["Body"])
        send_message(kit, "dead-letters", message["Body"])
        handlers.watch_dead_letters()
        lines = by_action(printed())
        for action in ("message_failed", "message_dropped"):
            assert (lines[action]["task_id"], lines[action]["correlation_id"]) == (task["id"], "trace-1")

    def test_an_unrecognized_message_is_logged_with_its_own_id(
        self, handlers: Handlers, printed: Printed
    ) -> None:
        handlers.run_tasks("hello", '{"correlation_id": "trace-1"}')
        lines = [line for line in printed() if line.get("action") == "message_quarantined"]
        assert {line["message_id"] for line in lines} == {"m0", "m1"}
        assert not [line for line in lines if "correlation_id" in line]

    def test_an_invalid_correlation_id_of_a_message_is_ignored(
        self, kit: Kit, handlers: Handlers, printed: Printed
    ) -> None:
        task = kit.create("test.fast")
        handlers.run_tasks(json.dumps({**json.loads(handlers.message(task)), "correlation_id": "a\nb"}))
        handlers.run_tasks(json.dumps({**json.loads(handlers.message(task)), "correlation_id": "a\nb"}))
        assert by_action(printed())["claim_refused"]["correlation_id"] is None


class TestSecrecy:
    def test_payload_result_and_error_are_not_in_the_logs(
        self, http: Http, kit: Kit, handlers: Handlers, script: Script, printed: Printed
    ) -> None:
        """Given private values in a task that succeeds and in one that fails for good."""
        secret = {"number": 1, "text": "s3cret"}
        script.returns({"token": "s3cret"})
        handlers.run(http.post("/tasks", {"type": "test.fast", "payload": secret}).json_body)
        script.raises(NonRetryable("s3cret"))
        dead = http.post(
            "/tasks", {"type": "test.fast", "payload": secret}, idempotency_key="s3cret"
        ).json_body
        handlers.run(dead)
        http.post("/tasks", {"type": "test.fast", "payload": {"number": "s3cret"}})
        http.get("/tasks?tag=s3cret")
        handlers.push()
        handlers.watch_dead_letters()
        handlers.run_tasks("s3cret")

        lines = printed()
        assert len(lines) > 20
        assert "s3cret" not in json.dumps(lines)


class TestMetrics:
    def test_every_step_of_a_task_is_counted(
        self, http: Http, kit: Kit, handlers: Handlers, script: Script, printed: Printed
    ) -> None:
        """Given a task that waits 2 s and fails for good, when it is done, then each step was counted."""
        script.raises(NonRetryable("broken"))
        task = http.post("/tasks", {"type": "test.fast"}).json_body
        kit.clock.advance(2)
        handlers.run(task)
        handlers.watch_dead_letters()
        http.post(f"/tasks/{task['id']}/retry")

        lines = [line for line in printed() if "_aws" in line]
        counted = {
            metric["Name"]: line[metric["Name"]]
            for line in lines
            for metric in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]
        }
        expected = {
            "TasksCreated": 1,
            "QueueWait": 2000,
            "RunTime": 0,
            "TasksFailed": 1,
            "DeadLetters": 1,
            "TasksRedriven": 1,
        }
        assert {name: counted[name] for name in expected} == expected
        assert {"DeadLetterDepth", "DeadLetterAge"} <= counted.keys()
        assert all(line["Stage"] == "test" for line in lines)
