"""POST /tasks/{id}/cancel: cancels a waiting task at once and asks a running one to stop."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.domain.outcomes import Cancel, NonRetryable, Snooze
from chalicelib.domain.task_types import TaskContext
from testing.kit import Kit
from tests.functional.conftest import Handlers, Http
from tests.support.aws_state import claim, row
from tests.support.aws_wire import Wire
from tests.support.scripted_types import Script

pytestmark = pytest.mark.usefixtures("script")


def cancel(http: Http, task: dict[str, Any]) -> dict[str, Any]:
    answer = http.post(f"/tasks/{task['id']}/cancel")
    assert answer.status_code == 200
    body: dict[str, Any] = answer.json_body
    assert answer.headers["ETag"] == f'"v{body["version"]}"'
    return body


class TestWaiting:
    @pytest.mark.parametrize("options", [{}, {"delay_seconds": 60.0}])
    def test_a_task_that_has_not_started_is_canceled_at_once(
        self, http: Http, kit: Kit, handlers: Handlers, script: Script, options: dict[str, Any]
    ) -> None:
        task = kit.create("test.fast", {"number": 1}, **options)
        canceled = cancel(http, task)
        assert (canceled["status"], canceled["version"]) == ("canceled", 2)
        assert canceled["payload"] == {"number": 1}
        assert canceled["finished_at"] is not None
        assert row(kit, task["id"]).due_at is None

        kit.clock.advance(60)
        assert handlers.run(task).acknowledged, "its message is acked"
        assert script.runs == []

    def test_a_task_between_two_attempts_is_canceled_at_once(
        self, http: Http, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        script.raises(ValueError("broken"))
        task = kit.create("test.fast")
        handlers.run(task)
        canceled = cancel(http, task)
        assert canceled["status"] == "canceled"
        assert canceled["error"]["message"] == "broken", "what went wrong last stays"
        kit.clock.advance(600)
        handlers.run(task)
        assert script.runs == [1]


class TestRunning:
    def running(self, http: Http, kit: Kit, handlers: Handlers, script: Script, then: Any) -> dict[str, Any]:
        """Cancel a task during its run, end the run with `then`, and return the finished task."""

        def work(payload: Any, context: TaskContext) -> Any:
            canceled = cancel(http, task)
            assert (canceled["status"], canceled["cancel_requested"]) == ("running", True)
            if isinstance(then, Exception):
                raise then
            return then(context) if callable(then) else then

        script.work = work
        task = kit.create("test.fast")
        handlers.run(task)
        return kit.get(task["id"])

    def test_a_run_that_sees_the_request_ends_canceled(
        self, http: Http, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        def see(context: TaskContext) -> Any:
            context.progress(50)
            return Cancel("as you wish") if context.cancel_requested else "not seen"

        task = self.running(http, kit, handlers, script, see)
        assert task["status"] == "canceled"
        assert task["attempts"][-1]["error"]["message"] == "as you wish"

    @pytest.mark.parametrize("end", [ValueError("broken"), NonRetryable("broken"), Snooze(5)])
    def test_a_run_that_ends_without_success_ends_canceled(
        self, http: Http, kit: Kit, handlers: Handlers, script: Script, end: Any
    ) -> None:
        """After an accepted cancel nothing is retried, and no alert is sent."""
        task = self.running(http, kit, handlers, script, end)
        assert task["status"] == "canceled"
        assert row(kit, task["id"]).due_at is None

    def test_a_run_that_succeeds_stays_succeeded(
        self, http: Http, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        task = self.running(http, kit, handlers, script, "done")
        assert (task["status"], task["result"], task["cancel_requested"]) == ("succeeded", "done", True)
        assert http.post(f"/tasks/{task['id']}/cancel").status_code == 409

    def test_a_second_cancel_changes_nothing(
        self, http: Http, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        def ask_again(context: TaskContext) -> Any:
            version = row(kit, context.task_id).version
            assert cancel(http, {"id": context.task_id})["version"] == version

        assert self.running(http, kit, handlers, script, ask_again)["status"] == "succeeded"


class TestFinished:
    def test_a_finished_task_is_a_conflict(
        self, http: Http, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        task = kit.create("test.fast")
        handlers.run(task)
        answer = http.post(f"/tasks/{task['id']}/cancel")
        assert answer.status_code == 409
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json_body["code"] == "transition_not_allowed"
        assert "succeeded" in answer.json_body["detail"]
        assert kit.get(task["id"])["version"] == 3, "nothing changed"

    def test_canceling_a_canceled_task_changes_nothing(self, http: Http, kit: Kit) -> None:
        task = kit.create("test.fast")
        cancel(http, task)
        assert http.post(f"/tasks/{task['id']}/cancel").status_code == 409


class TestRaces:
    def test_a_task_claimed_meanwhile_is_asked_to_stop(
        self, http: Http, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        """Given a task that is claimed after it was read, when it is canceled, then it is asked to stop."""
        task = kit.create("test.fast")
        wire = Wire(kit.services)
        other = kit.new_services()

        wire.before("UpdateItem", lambda: claim(other, kit, task["id"]))
        canceled = cancel(http, task)
        assert (canceled["status"], canceled["cancel_requested"]) == ("running", True)

    def test_a_lost_reply_is_a_success(self, http: Http, kit: Kit) -> None:
        """The SDK's second request is refused, and the row shows that the first succeeded."""
        task = kit.create("test.fast")
        Wire(kit.services).lose_reply("UpdateItem")
        assert cancel(http, task)["version"] == 2

    def test_a_task_that_changes_all_the_time_is_given_up_with_a_503(self, http: Http, kit: Kit) -> None:
        task = kit.create("test.fast")
        wire = Wire(kit.services)
        other = kit.new_services()

        def change() -> None:
            seen = row(kit, task["id"])
            other.adapters.task_table.replace_seen(seen, replace(seen, max_attempts=seen.max_attempts + 1))

        for _ in range(100):
            wire.before("UpdateItem", change)
        answer = http.post(f"/tasks/{task['id']}/cancel")
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
        assert kit.get(task["id"])["status"] == "queued"
