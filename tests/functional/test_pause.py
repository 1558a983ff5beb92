"""POST /task-types/{name}/pause and /resume: no task of the type starts, and none is lost."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.aws.sdk.client import ServiceError
from chalicelib.domain.new_task import NewTask
from chalicelib.domain.outcomes import Snooze
from chalicelib.domain.pauses import PARKED_CHECK_INTERVAL, RESUME_GRACE
from chalicelib.services.pauses import MAX_AGE, MAX_AGE_TO_PARK
from testing.kit import Kit
from tests.functional.conftest import Handlers, Http
from tests.support.aws_state import items, kill_worker, row, sent_tasks, take_messages
from tests.support.aws_wire import Wire
from tests.support.scripted_types import Script


def pause(admin: Http, name: str = "test.fast", **body: Any) -> dict[str, Any]:
    answer = admin.post(f"/task-types/{name}/pause", body)
    assert answer.status_code == 200
    view: dict[str, Any] = answer.json_body
    return view


def resume(admin: Http, name: str = "test.fast") -> dict[str, Any]:
    answer = admin.post(f"/task-types/{name}/resume")
    assert answer.status_code == 200
    view: dict[str, Any] = answer.json_body
    return view


def status(kit: Kit, task: dict[str, Any]) -> str:
    return str(kit.get(task["id"])["status"])


def is_parked(kit: Kit, task: dict[str, Any]) -> bool:
    return row(kit, task["id"]).due_bucket < 0


class TestPauseAndResume:
    def test_a_paused_type_says_since_when_by_whom_and_why(
        self, admin: Http, http: Http, kit: Kit, script: Script
    ) -> None:
        view = pause(admin, reason="the shop is down")
        assert view["paused"]["reason"] == "the shop is down"
        assert view["paused"]["by"] == kit.owner
        listed = {each["name"]: each for each in http.get("/task-types").json_body["task_types"]}
        assert listed["test.fast"] == view
        assert listed["test.long"]["paused"] is None

    def test_pausing_twice_changes_nothing(self, admin: Http, kit: Kit, script: Script) -> None:
        first = pause(admin, reason="first")
        kit.clock.advance(60)
        assert pause(admin, reason="second") == first

    def test_resuming_twice_changes_nothing(self, admin: Http, script: Script) -> None:
        assert resume(admin)["paused"] is None
        pause(admin)
        assert resume(admin)["paused"] is None
        assert resume(admin)["paused"] is None

    def test_a_type_can_be_paused_again_while_its_tasks_are_unparked(
        self, admin: Http, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        pause(admin, reason="first")
        resume(admin)
        kit.clock.advance(1)
        assert pause(admin, reason="second")["paused"]["reason"] == "second"
        kit.clock.advance(RESUME_GRACE.total_seconds() + 60)
        handlers.sweep()
        task = kit.create("test.fast")
        handlers.run(task)
        assert is_parked(kit, task)

    def test_a_late_copy_of_a_pause_does_not_bring_it_back(
        self, admin: Http, kit: Kit, script: Script
    ) -> None:
        wire = Wire(kit.services)
        pause(admin)
        (late,) = wire.sent("PutItem")
        resume(admin)
        with suppress(ServiceError):
            kit.services.adapters.clients.dynamodb.put_item(**late)
        assert kit.services.pauses.now() == {}

    def test_a_late_copy_of_a_resume_does_not_end_the_next_pause(
        self, admin: Http, kit: Kit, script: Script
    ) -> None:
        pause(admin)
        wire = Wire(kit.services)
        resume(admin)
        (late,) = wire.sent("UpdateItem")
        kit.clock.advance(1)
        pause(admin)
        with suppress(ServiceError):
            kit.services.adapters.clients.dynamodb.update_item(**late)
        assert list(kit.services.pauses.now()) == ["test.fast"]

    @pytest.mark.parametrize("action", ["pause", "resume"])
    @pytest.mark.parametrize("name", ["nope", "test", "%00", "test.fast.more", "x" * 2000])
    def test_an_unknown_type_is_a_404(self, admin: Http, action: str, name: str, script: Script) -> None:
        answer = admin.post(f"/task-types/{name}/{action}")
        assert (answer.status_code, answer.json_body["code"]) == (404, "not_found")

    @pytest.mark.parametrize("body", [{"reason": ""}, {"reason": "x" * 201}, {"reason": 1}, {"why": "x"}])
    def test_an_invalid_body_pauses_nothing(self, admin: Http, body: Any, script: Script) -> None:
        assert admin.post("/task-types/test.fast/pause", body).status_code == 422
        assert resume(admin)["paused"] is None

    def test_a_reason_is_optional(self, admin: Http, script: Script) -> None:
        assert admin.post("/task-types/test.fast/pause").json_body["paused"]["reason"] is None


class TestPaused:
    def test_no_task_of_a_paused_type_starts_and_others_do(
        self, admin: Http, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        task, other = kit.create("test.fast"), kit.create("test.long")
        pause(admin)
        assert handlers.run(task).acknowledged
        handlers.run_tasks(handlers.message(other), handler="run_long_tasks")
        assert (status(kit, task), status(kit, other)) == ("queued", "succeeded")
        assert script.runs == [1]

    def test_a_waiting_task_is_parked_without_a_new_version_or_attempt(
        self, admin: Http, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        task = kit.create("test.fast")
        pause(admin)
        handlers.run(task)
        assert is_parked(kit, task)
        assert (row(kit, task["id"]).version, row(kit, task["id"]).attempt) == (1, 0)

    def test_a_worker_reads_the_pause_within_seconds_and_once_for_many_tasks(
        self, admin: Http, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        kit.services = kit.new_services()  # another container than the one that serves the API
        first, second, third = (kit.create("test.fast") for _ in range(3))
        kit.deliver(first)
        pause(admin)
        wire = Wire(kit.services)
        kit.deliver(second)
        assert wire.counts() == {"UpdateItem": 2}
        kit.clock.advance(MAX_AGE.total_seconds())
        kit.deliver(third)
        assert (status(kit, second), status(kit, third)) == ("succeeded", "queued")

    def test_the_age_of_a_cached_pause_counts_from_the_start_of_its_read(
        self, admin: Http, kit: Kit, script: Script
    ) -> None:
        """Given a worker that froze during its read, when a type is paused, then the worker reads again."""
        other = kit.new_services()
        Wire(other).before("Query", lambda: kit.clock.advance(MAX_AGE.total_seconds() + 1))
        assert other.pauses.paused() == frozenset()
        pause(admin)
        assert other.pauses.paused() == {"test.fast"}

    def test_a_running_task_continues(
        self, admin: Http, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        script.work = lambda payload, context: pause(admin)["name"]
        task = kit.create("test.fast")
        handlers.run(task)
        assert status(kit, task) == "succeeded"

    def test_the_sweep_parks_tasks_without_a_message_and_sends_nothing(
        self, admin: Http, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        soon = kit.create("test.fast", delay_seconds=1000)
        lost = kit.create("test.fast")
        pause(admin)
        kit.clock.advance(900)
        wire = Wire(kit.services)
        handlers.sweep()
        assert is_parked(kit, lost)
        assert is_parked(kit, soon)
        assert sent_tasks(wire) == []
        assert take_messages(kit, "fast")  # of their creation

    def test_a_parked_task_is_left_alone_for_an_hour(
        self, admin: Http, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        task = kit.create("test.fast")
        pause(admin)
        handlers.run(task)
        kit.clock.advance(PARKED_CHECK_INTERVAL.total_seconds() - 1)
        wire = Wire(kit.services)
        handlers.sweep()
        assert "UpdateItem" not in wire.counts()
        kit.clock.advance(1)
        handlers.sweep()
        assert wire.counts()["UpdateItem"] == 1
        assert is_parked(kit, task)
        assert sent_tasks(wire) == []

    def test_a_parked_task_expires_in_time(
        self, admin: Http, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        task = kit.services.task_creator.create(kit.owner, _expiring(kit, seconds=60))
        pause(admin)
        handlers.run(task)
        kit.clock.advance(60)
        handlers.sweep()
        assert kit.get(task.id)["status"] == "expired"

    def test_a_parked_task_can_be_canceled_and_retried(
        self, admin: Http, http: Http, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        task = kit.create("test.fast")
        pause(admin)
        handlers.run(task)
        assert http.post(f"/tasks/{task['id']}/cancel").json_body["status"] == "canceled"
        resume(admin)
        assert http.post(f"/tasks/{task['id']}/retry").json_body["status"] == "queued"
        kit.clock.advance(120)
        wire = Wire(kit.services)
        handlers.sweep()  # its message is lost
        assert sent_tasks(wire) == [(task["id"], 0)]
        assert not is_parked(kit, task)

    def test_explain_names_the_pause(
        self, admin: Http, http: Http, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        task = kit.create("test.fast")
        pause(admin, reason="the shop is down")
        explanation = http.get(f"/tasks/{task['id']}/explain").json_body
        assert (explanation["reason"], explanation["ahead"]) == ("type_paused", None)
        assert "the shop is down" in explanation["detail"]


class TestResumed:
    def test_parked_tasks_are_sent_at_once(
        self, admin: Http, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        tasks = [kit.create("test.fast") for _ in range(30)]
        pause(admin)
        for task in tasks:
            handlers.run(task)
        take_messages(kit, "fast")
        wire = Wire(kit.services)
        resume(admin)
        assert sorted(sent_tasks(wire)) == sorted((task["id"], 0) for task in tasks)
        for task in tasks:
            assert not is_parked(kit, task)
        kit.clock.advance(MAX_AGE_TO_PARK.total_seconds())
        for task in tasks:
            handlers.run(task)
            assert status(kit, task) == "succeeded"

    def test_a_snoozed_task_is_sent_for_its_own_time(
        self, admin: Http, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        script.returns(Snooze(20))
        task = kit.create("test.fast")
        handlers.run(task)
        pause(admin)
        kit.clock.advance(MAX_AGE.total_seconds())
        handlers.run(task)
        wire = Wire(kit.services)
        resume(admin)
        assert sent_tasks(wire) == [(task["id"], 15)]

    def test_the_sweep_continues_an_unfinished_resume(
        self, admin: Http, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        """Given a resume whose function crashes, when the sweep runs, then it unparks the tasks."""
        task = kit.create("test.fast")
        pause(admin)
        handlers.run(task)
        kit.services.pauses.end("test.fast")
        wire = Wire(kit.services)
        handlers.sweep()
        assert sent_tasks(wire) == [(task["id"], 0)]

    def test_a_worker_with_an_old_pause_reads_again_before_it_parks(
        self, admin: Http, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        pause(admin)
        late = kit.new_services()
        assert late.pauses.paused() == {"test.fast"}
        resume(admin)
        kit.clock.advance(1)
        task = kit.create("test.fast")
        kit.services = late
        kit.deliver(task)
        assert status(kit, task) == "succeeded"

    def test_a_task_parked_after_the_resume_is_unparked_by_the_next_sweep(
        self, admin: Http, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        pause(admin)
        late = kit.new_services()
        assert late.pauses.paused() == {"test.fast"}
        resume(admin)
        task = kit.create("test.fast")
        current, kit.services = kit.services, late
        kit.deliver(task)
        kit.services = current
        assert is_parked(kit, task)
        kit.clock.advance(60)
        wire = Wire(kit.services)
        handlers.sweep()
        assert sent_tasks(wire) == [(task["id"], 0)]

    def test_the_pause_is_deleted_once_every_cache_has_expired(
        self, admin: Http, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        pause(admin)
        resume(admin)
        handlers.sweep()
        assert len(items(kit, "tasks", "pauses")) == 1
        kit.clock.advance(RESUME_GRACE.total_seconds())
        handlers.sweep()
        assert items(kit, "tasks", "pauses") == []

    def test_the_lost_worker_of_a_parked_task_is_detected(
        self, admin: Http, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        """Given a parked row that was claimed before it was unparked, when its lease ends, the sweep acts."""
        task = kit.create("test.fast")
        pause(admin)
        handlers.run(task)
        kit.services.pauses.end("test.fast")
        kill_worker(kit, task)
        kit.clock.advance(PARKED_CHECK_INTERVAL.total_seconds())
        handlers.sweep()
        assert status(kit, task) == "retrying"
        assert not is_parked(kit, task)

    def test_resuming_one_type_does_not_unpark_the_tasks_of_another(
        self, admin: Http, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        fast, long = kit.create("test.fast"), kit.create("test.long")
        for name, task in (("test.fast", fast), ("test.long", long)):
            pause(admin, name)
            kit.clock.advance(MAX_AGE.total_seconds())
            handlers.run(task)
        wire = Wire(kit.services)
        resume(admin, "test.long")
        assert sent_tasks(wire) == [(long["id"], 0)]
        assert (is_parked(kit, fast), is_parked(kit, long)) == (True, False)


def _expiring(kit: Kit, seconds: float) -> NewTask:

    return NewTask(type="test.fast", expires_at=kit.clock() + timedelta(seconds=seconds))
