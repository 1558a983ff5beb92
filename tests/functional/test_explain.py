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
from tests.support.dead_letters import die, die_unheard
from tests.support.scripted_types import Script


def explained(http: Http, task: dict[str, Any]) -> dict[str, Any]:
    answer = http.get(f"/tasks/{task['id']}/explain")
    assert answer.status_code == 200
    body: dict[str, Any] = answer.json_body
    assert body["task_id"] == task["id"]
    return body


def test_a_task_in_the_queue_waits_behind_others(http: Http, kit: Kit, script: Script) -> None:
    tasks = [kit.create("test.fast") for _ in range(3)]
    found = explained(http, tasks[-1])
    assert (found["status"], found["reason"], found["until"]) == ("queued", "waiting_in_queue", None)
    assert found["ahead"] == {"count": 3, "approximate": True}
    take_messages(kit, "fast")
    assert explained(http, tasks[-1])["ahead"]["count"] == 0


def test_the_queue_is_the_one_of_the_tasks_lane(http: Http, kit: Kit, script: Script) -> None:
    kit.create("test.fast")
    assert explained(http, kit.create("test.long"))["ahead"]["count"] == 1


def test_whoever_waits_for_a_time_is_told_it_and_asks_no_queue(http: Http, kit: Kit, script: Script) -> None:
    task = kit.create("test.fast", delay_seconds=90)
    wire = Wire(kit.services)
    found = explained(http, task)
    assert (found["reason"], found["until"], found["ahead"]) == ("scheduled", task["run_at"], None)
    assert wire.counts() == {"GetItem": 1, "Query": 1}


def test_a_failed_attempt_and_a_snooze_are_told_apart(
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


def test_a_death_is_announced_before_it_is_finished(
    http: Http, kit: Kit, handlers: Handlers, script: Script
) -> None:
    heard = die(kit, handlers, script)
    assert explained(http, heard)["reason"] == "finished"
    unheard = kit.create("test.fast", max_attempts=1)
    die_unheard(kit, handlers, script, unheard)
    assert explained(http, unheard)["reason"] == "announcing_death"


@pytest.mark.parametrize("task_id", ["nope", "0190163d-8694-739b-aea5-966c26f8ad01"])
def test_an_unknown_task_is_a_404(http: Http, task_id: str) -> None:
    assert http.get(f"/tasks/{task_id}/explain").status_code == 404


def test_another_owners_task_is_as_unknown(http: Http, kit: Kit, script: Script) -> None:
    task = kit.services.tasks.create("bob", NewTask(type="test.fast"))
    assert http.get(f"/tasks/{task.id}/explain").status_code == 404
