"""POST /tasks/{id}/retry: starts a task again that ended without success."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.formats import timestamp
from chalicelib.domain.outcomes import NonRetryable
from testing.kit import Kit
from tests.conftest import Printed
from tests.functional.conftest import Handlers, Http
from tests.support.aws_state import row, take_messages
from tests.support.aws_wire import Wire
from tests.support.scripted_types import Script

pytestmark = pytest.mark.usefixtures("script")


@pytest.fixture
def failed(kit: Kit, handlers: Handlers, script: Script) -> dict[str, Any]:
    """A task that failed for good, with its dead letter in the queue. From now on runs succeed."""
    script.raises(NonRetryable("broken"))
    task = kit.create("test.fast", {"number": 1})
    handlers.run(task)
    script.returns("mended")
    take_messages(kit, "fast")
    return kit.get(task["id"])


def retry(http: Http, task: dict[str, Any]) -> dict[str, Any]:
    answer = http.post(f"/tasks/{task['id']}/retry")
    assert answer.status_code == 200
    body: dict[str, Any] = answer.json_body
    assert answer.headers["ETag"] == f'"v{body["version"]}"'
    return body


class TestRetry:
    def test_a_failed_task_starts_again_with_all_its_attempts(
        self, http: Http, kit: Kit, handlers: Handlers, failed: dict[str, Any]
    ) -> None:
        assert failed["dead_lettered_at"] is not None
        again = retry(http, failed)
        assert again["version"] == failed["version"] + 1
        assert (again["status"], again["attempt"], again["redrive_count"]) == ("queued", 0, 1)
        assert [again[name] for name in ("error", "finished_at", "dead_lettered_at", "result")] == [None] * 4
        assert again["payload"] == {"number": 1}
        assert again["attempts"] == failed["attempts"], "its history stays"

        (message,) = take_messages(kit, "fast")
        assert json.loads(message["Body"])["lease"] == row(kit, failed["id"]).lease == 2
        assert handlers.run_tasks(message["Body"]).acknowledged
        done = kit.get(failed["id"])
        assert (done["status"], done["result"], done["attempt"]) == ("succeeded", "mended", 1)

    def test_a_canceled_task_starts_again(self, http: Http, kit: Kit, handlers: Handlers) -> None:
        task = kit.create("test.fast")
        http.post(f"/tasks/{task['id']}/cancel")
        handlers.run(retry(http, task))
        assert kit.get(task["id"])["status"] == "succeeded"

    def test_an_expired_task_starts_again_and_does_not_expire_again(
        self, http: Http, kit: Kit, handlers: Handlers
    ) -> None:
        expires_at = timestamp(kit.clock() + timedelta(seconds=60))
        task = http.post("/tasks", {"type": "test.fast", "expires_at": expires_at}).json_body
        kit.clock.advance(61)
        handlers.sweep()
        assert kit.get(task["id"])["status"] == "expired"

        again = retry(http, task)
        assert again["expires_at"] is None
        kit.clock.advance(3600)
        handlers.run(again)
        assert kit.get(task["id"])["status"] == "succeeded"

    def test_the_sweep_sends_a_message_that_could_not_be_sent(
        self, http: Http, kit: Kit, handlers: Handlers, failed: dict[str, Any]
    ) -> None:
        Wire(kit.services).refuse("SendMessage")
        retry(http, failed)
        assert take_messages(kit, "fast") == []
        kit.clock.advance(120)
        handlers.sweep()
        assert len(take_messages(kit, "fast")) == 1

    def test_each_retry_raises_the_redrive_count(
        self, http: Http, kit: Kit, handlers: Handlers, script: Script, failed: dict[str, Any]
    ) -> None:
        script.raises(NonRetryable("broken again"))
        for count in (1, 2, 3):
            assert retry(http, failed)["redrive_count"] == count
            handlers.run(failed)
        keys = [json.loads(m["Body"])["redrive_count"] for m in take_messages(kit, "dead-letters")]
        assert sorted(keys) == [0, 1, 2, 3], "each redrive count has its own dead letter"


class TestRefusals:
    def test_an_unfinished_task_is_a_conflict(self, http: Http, kit: Kit) -> None:
        task = kit.create("test.fast")
        answer = http.post(f"/tasks/{task['id']}/retry")
        assert (answer.status_code, answer.json_body["code"]) == (409, "transition_not_allowed")
        assert kit.get(task["id"])["version"] == 1

    def test_a_succeeded_task_is_a_conflict(self, http: Http, kit: Kit, handlers: Handlers) -> None:
        task = kit.create("test.fast")
        handlers.run(task)
        assert http.post(f"/tasks/{task['id']}/retry").status_code == 409

    def test_a_retried_task_is_a_conflict(self, http: Http, failed: dict[str, Any]) -> None:
        retry(http, failed)
        assert http.post(f"/tasks/{failed['id']}/retry").status_code == 409


class TestDeadLetterFirst:
    """A quick retry must not lose a dead letter: it is sent before the retry."""

    @pytest.mark.parametrize("action", ["retry", "delete"])
    def test_an_unsent_dead_letter_is_sent_now(
        self, http: Http, kit: Kit, handlers: Handlers, script: Script, action: str
    ) -> None:
        script.raises(NonRetryable("broken"))
        task = kit.create("test.fast")
        wire = Wire(kit.services)
        wire.refuse("SendMessage")  # the worker's dead letter
        handlers.run(task)
        assert row(kit, task["id"]).dead_letter_unsent
        assert take_messages(kit, "dead-letters") == []

        if action == "retry":
            retry(http, task)
        else:
            assert http.delete(f"/tasks/{task['id']}").status_code == 204
        (letter,) = take_messages(kit, "dead-letters")
        assert (json.loads(letter["Body"])["id"], json.loads(letter["Body"])["redrive_count"]) == (
            task["id"],
            0,
        )

    def test_without_its_dead_letter_a_task_is_not_retried(
        self, http: Http, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        script.raises(NonRetryable("broken"))
        task = kit.create("test.fast")
        wire = Wire(kit.services)
        wire.refuse("SendMessage")
        handlers.run(task)
        wire.refuse("SendMessage")
        answer = http.post(f"/tasks/{task['id']}/retry")
        assert answer.status_code == 503
        assert row(kit, task["id"]).dead_letter_unsent


class TestRaces:
    def test_a_lost_reply_is_one_retry(self, http: Http, kit: Kit, failed: dict[str, Any]) -> None:
        kit.services.limits.spend(kit.owner, 1)  # prefetches tokens: the next UpdateItem is the retry's
        Wire(kit.services).lose_reply("UpdateItem")
        assert retry(http, failed)["redrive_count"] == 1
        assert len(take_messages(kit, "fast")) == 1

    def test_two_requests_at_the_same_time_are_one_retry(
        self, http: Http, kit: Kit, failed: dict[str, Any], printed: Printed
    ) -> None:
        """Given another retry comes in between, when the first one writes, then both are answered alike.

        The request that started the task counts and logs the retry.
        """
        other = kit.new_services()

        def come_first() -> None:
            kit.clock.advance(0.001)
            other.tasks.retry(kit.owner, failed["id"])

        Wire(kit.services).before(
            "UpdateItem",
            come_first,
            when=lambda request: request["TableName"] == kit.settings.resource("tasks"),
        )
        assert retry(http, failed)["redrive_count"] == 1
        assert kit.get(failed["id"])["redrive_count"] == 1
        assert len(take_messages(kit, "fast")) == 1
        assert not [line for line in printed() if "TasksRedriven" in line]
