"""GET /tasks/{id}/explain: why a task is not running yet."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.domain.new_task import NewTask
from chalicelib.domain.outcomes import Snooze
from testing.kit import Kit
from tests.functional.conftest import Handlers, Http
from tests.support.aws_state import kill_worker, take_messages
from tests.support.aws_wire import Wire
from tests.support.dead_letters import fail_before_dead_letter, failed_task
from tests.support.scripted_types import Script


def explained(http: Http, task: dict[str, Any]) -> dict[str, Any]:
    answer = http.get(f"/tasks/{task['id']}/explain")
    assert answer.status_code == 200
    body: dict[str, Any] = answer.json_body
    assert body["task_id"] == task["id"]
    return body


def test_a_task_in_the_queue_waits_behind_others(http: Http, kit: Kit, script: Script) -> None:
    tasks = [kit.create("test.fast") for _ in range(3)]
    explanation = explained(http, tasks[-1])
    assert (explanation["status"], explanation["reason"], explanation["until"]) == (
        "queued",
        "waiting_in_queue",
        None,
    )
    assert explanation["ahead"] == {"count": 3, "approximate": True}
    take_messages(kit, "fast")
    assert explained(http, tasks[-1])["ahead"]["count"] == 0


def test_the_queue_is_the_one_of_the_tasks_lane(http: Http, kit: Kit, script: Script) -> None:
    kit.create("test.fast")
    assert explained(http, kit.create("test.long"))["ahead"]["count"] == 1


def test_a_task_that_waits_for_a_time_shows_it_and_reads_no_queue(
    http: Http, kit: Kit, script: Script
) -> None:
    task = kit.create("test.fast", delay_seconds=90)
    wire = Wire(kit.services)
    explanation = explained(http, task)
    assert (explanation["reason"], explanation["until"], explanation["ahead"]) == (
        "scheduled",
        task["run_at"],
        None,
    )
    assert wire.counts() == {"GetItem": 1, "Query": 1}


def test_a_failed_attempt_and_a_snooze_have_different_reasons(
    http: Http, kit: Kit, handlers: Handlers, script: Script
) -> None:
    failed, snoozed = kit.create("test.fast"), kit.create("test.fast")
    script.raises(ValueError("it broke"))
    handlers.run(failed)
    script.returns(Snooze(60))
    handlers.run(snoozed)
    assert explained(http, failed)["reason"] == "backing_off"
    assert explained(http, snoozed)["reason"] == "snoozed"


def test_a_vanished_worker_makes_a_task_overdue_until_the_sweep_comes(
    http: Http, kit: Kit, handlers: Handlers, script: Script
) -> None:
    task = kit.create("test.fast")
    kill_worker(kit, task)
    assert explained(http, task)["reason"] == "running"
    http.post(f"/tasks/{task['id']}/cancel")
    assert explained(http, task)["reason"] == "cancel_requested"
    kit.clock.advance(120)
    assert explained(http, task)["reason"] == "overdue"
    handlers.sweep()
    assert explained(http, task)["reason"] == "finished"


def test_a_lost_message_makes_a_task_overdue(http: Http, kit: Kit, script: Script) -> None:
    task = kit.create("test.fast")
    take_messages(kit, "fast")
    kit.clock.advance(120)
    assert explained(http, task)["reason"] == "overdue"


def test_a_dead_letter_is_explained_before_it_is_sent(
    http: Http, kit: Kit, handlers: Handlers, script: Script
) -> None:
    sent = failed_task(kit, handlers, script)
    assert explained(http, sent)["reason"] == "finished"
    unsent = kit.create("test.fast", max_attempts=1)
    fail_before_dead_letter(kit, handlers, script, unsent)
    assert explained(http, unsent)["reason"] == "announcing_death"


@pytest.mark.parametrize("task_id", ["nope", "0190163d-8694-739b-aea5-966c26f8ad01"])
def test_an_unknown_task_is_a_404(http: Http, task_id: str) -> None:
    assert http.get(f"/tasks/{task_id}/explain").status_code == 404


def test_another_owners_task_is_a_404(http: Http, kit: Kit, script: Script) -> None:
    task = kit.services.task_creator.create("bob", NewTask(type="test.fast"))
    assert http.get(f"/tasks/{task.id}/explain").status_code == 404
