"""Redrives: one action on many tasks, at a bounded rate, survived by crashes and stopped by an abort."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.aws.dynamodb.task_list import EXAMINED_WITH_FILTERS
from chalicelib.services.maintenance.redrive_runner import LEASE
from testing.kit import Kit
from tests.functional.conftest import Handlers, Http
from tests.support.aws_state import row
from tests.support.aws_wire import Crash, Wire
from tests.support.dead_letters import die, die_unheard
from tests.support.redriving import FAST, counts, deaths, get, start, statuses
from tests.support.scripted_types import Script


class TestRetry:
    def test_a_small_one_is_done_at_once(
        self, http: Http, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        dead = deaths(kit, handlers, script, 4)
        alive = kit.create("test.fast")
        redrive = start(http)
        assert (redrive["status"], counts(redrive)) == ("done", (4, 4, 0, 0))
        assert redrive["examined"] == 5
        assert redrive["finished_at"] is not None
        assert redrive["by"] == kit.owner
        assert statuses(kit, dead) == ["queued"] * 4
        assert {kit.get(task["id"])["redrive_count"] for task in dead} == {1}
        assert kit.get(alive["id"])["version"] == 1
        assert get(http, redrive) == redrive

    def test_a_big_one_goes_on_with_the_sweep_at_its_rate(
        self, http: Http, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        dead = deaths(kit, handlers, script, 12)
        redrive = start(http, rate=3)
        assert (redrive["status"], counts(redrive)) == ("running", (3, 3, 0, 0))
        assert statuses(kit, dead) == ["failed"] * 9 + ["queued"] * 3  # newest first
        started = kit.clock()
        handlers.sweep()
        redrive = get(http, redrive)
        assert (redrive["status"], counts(redrive)) == ("done", (12, 12, 0, 0))
        assert kit.clock() - started == timedelta(seconds=2)  # three a second, the first three at once
        assert statuses(kit, dead) == ["queued"] * 12

    def test_it_stops_in_time_and_the_next_sweep_goes_on(
        self, http: Http, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        dead = deaths(kit, handlers, script, 8)
        redrive = start(http, rate=1)
        for changed in (4, 7, 8):
            kit.services.redrives.advance(kit.clock() + kit.services.timing.reserve + timedelta(seconds=2.5))
            assert get(http, redrive)["changed"] == changed
        assert get(http, redrive)["status"] == "done"
        assert {kit.get(task["id"])["redrive_count"] for task in dead} == {1}

    @pytest.mark.parametrize(
        ("chosen", "wanted"),
        [
            ({"type": "test.long"}, 0),
            ({"tag": "blue"}, 1),
            ({"error_kind": "exception"}, 3),
            ({"error_kind": "timeout"}, 0),
            ({"status": "canceled"}, 1),
            ({"status": "failed", "type": "test.fast", "tag": "blue"}, 1),
            ({"all": True}, 3),
        ],
    )
    def test_what_does_not_fit_the_filter_is_left_alone(  # noqa: PLR0917
        self, http: Http, kit: Kit, handlers: Handlers, script: Script, chosen: Any, wanted: int
    ) -> None:
        deaths(kit, handlers, script, 2)
        blue = kit.create("test.fast", max_attempts=1, tags=("blue",))
        handlers.run(blue)
        canceled = kit.create("test.fast", delay_seconds=60)
        http.post(f"/tasks/{canceled['id']}/cancel")
        assert start(http, chosen)["changed"] == wanted

    def test_a_group_of_deaths(self, admin: Http, kit: Kit, handlers: Handlers, script: Script) -> None:
        numbered = [die(kit, handlers, script, f"order {number} is lost") for number in range(3)]
        other = die(kit, handlers, script, "something else")
        handlers.watch_dead_letters()
        groups = admin.get("/dead-letters").json_body["groups"]
        (group,) = [each["id"] for each in groups if each["count"] == 3]
        assert start(admin, {"group": group})["changed"] == 3
        assert statuses(kit, [*numbered, other]) == ["queued"] * 3 + ["failed"]
        left = admin.get("/dead-letters").json_body["groups"]
        assert [each["count"] for each in left] == [1]

    def test_tasks_of_a_time(self, http: Http, kit: Kit, handlers: Handlers, script: Script) -> None:
        tasks = []
        for _ in range(5):
            tasks.append(die(kit, handlers, script))
            kit.clock.advance(10)
        chosen = {"created_after": tasks[0]["created_at"], "created_before": tasks[3]["created_at"]}
        assert start(http, chosen)["matched"] == 2
        assert statuses(kit, tasks) == ["failed", "queued", "queued", "failed", "failed"]

    def test_more_tasks_than_one_stretch_of_the_list(
        self, http: Http, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        dead = deaths(kit, handlers, script, 1)
        for _ in range(EXAMINED_WITH_FILTERS // 100):  # newer ones, a stretch full
            http.post("/tasks/batch", {"tasks": [{"type": "test.fast"}] * 100})
        kit.clock.advance(1)
        redrive = start(http)
        assert (redrive["status"], redrive["changed"]) == ("done", 1)
        assert redrive["examined"] == EXAMINED_WITH_FILTERS + 1
        assert statuses(kit, dead) == ["queued"]

    def test_an_unheard_death_is_told_before_its_next_life(
        self, http: Http, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        task = kit.create("test.fast", max_attempts=1)
        die_unheard(kit, handlers, script, task)
        wire = Wire(kit.services)
        start(http)
        sent = [each for each in wire.sent("SendMessage") if "dead-letters" in each["QueueUrl"]]
        assert len(sent) == 1


class TestLoopGuard:
    def test_a_task_that_dies_again_is_not_retried_again(
        self, http: Http, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        dead = deaths(kit, handlers, script, 3)
        redrive = start(http, rate=1)
        kit.clock.advance(1)
        for task in dead:  # whichever was retried fails at once
            handlers.run(row(kit, task["id"]))
        handlers.sweep()
        assert counts(get(http, redrive)) == (3, 3, 0, 0)
        assert {kit.get(task["id"])["redrive_count"] for task in dead} == {1}

    def test_a_task_that_dies_meanwhile_is_not_its_business(
        self, http: Http, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        late = kit.create("test.fast", max_attempts=1)
        kit.clock.advance(1)  # so that it has the smallest id: the redrive reaches it last
        deaths(kit, handlers, script, 2)
        redrive = start(http, rate=1)
        kit.clock.advance(1)
        handlers.run(late)
        handlers.sweep()
        assert get(http, redrive)["changed"] == 2
        assert kit.get(late["id"])["status"] == "failed"

    def test_the_same_filter_does_not_run_twice(
        self, http: Http, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        deaths(kit, handlers, script, 3)
        redrive = start(http, rate=1)
        answer = http.post("/redrives", {"filter": FAST, "rate": 50})
        assert (answer.status_code, answer.json_body["code"]) == (409, "already_running")
        assert redrive["id"] in answer.json_body["detail"]
        assert http.post("/redrives", {"filter": {"tag": "x"}}).status_code == 202
        assert http.post("/redrives", {"filter": FAST, "action": "cancel"}).status_code == 202
        handlers.sweep()
        assert start(http)["status"] == "done"

    def test_nothing_that_was_retried_by_hand_in_between_is_retried_twice(
        self, http: Http, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        (task,) = deaths(kit, handlers, script, 1)
        wire = Wire(kit.services)
        wire.before("GetItem", lambda: http.post(f"/tasks/{task['id']}/retry"))
        assert counts(start(http)) == (1, 0, 1, 0)
        assert kit.get(task["id"])["redrive_count"] == 1

    def test_a_task_that_was_retried_by_hand_and_died_again_is_left_alone(
        self, http: Http, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        (task,) = deaths(kit, handlers, script, 1)

        def retry_and_die() -> None:
            http.post(f"/tasks/{task['id']}/retry")
            handlers.run(row(kit, task["id"]))

        Wire(kit.services).before("GetItem", retry_and_die)
        assert counts(start(http)) == (1, 0, 1, 0)
        assert (kit.get(task["id"])["status"], kit.get(task["id"])["redrive_count"]) == ("failed", 1)


class TestCrash:
    def test_whoever_dies_is_followed_by_the_sweep(
        self, http: Http, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        """Given a function that dies in the middle, when its lease is over, then nothing happens twice."""
        dead = deaths(kit, handlers, script, 6)
        redrive = start(http, rate=2)
        wire = Wire(kit.services)
        oldest = dead[0]["id"]
        wire.crash_before("UpdateItem", lambda sent: sent["Key"]["sk"]["S"] == oldest)
        with pytest.raises(Crash):
            handlers.sweep()
        handlers.sweep()
        assert get(http, redrive)["status"] == "running"  # the dead function's lease is not over
        kit.clock.advance(LEASE.total_seconds())
        handlers.sweep()
        assert get(http, redrive)["status"] == "done"
        assert statuses(kit, dead) == ["queued"] * 6
        assert {kit.get(task["id"])["redrive_count"] for task in dead} == {1}

    def test_a_zombie_does_not_set_it_back(
        self, http: Http, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        """Given a function that stood still, when another has gone on, then nothing that it stores counts."""
        deaths(kit, handlers, script, 8)
        redrive = start(http, rate=1)
        other = kit.new_services()
        left: list[dict[str, Any]] = []

        def stand_still(seconds: float) -> None:
            kit.clock.advance(LEASE.total_seconds())
            if not left:
                other.redrives.advance(kit.clock() + kit.services.timing.reserve + timedelta(seconds=2.5))
                left.append(get(http, redrive))

        zombie = kit.new_services(sleep=stand_still)
        zombie.redrives.advance(kit.clock() + timedelta(hours=1))
        assert left[0]["status"] == "running"
        assert get(http, redrive) == left[0]

    def test_a_sweep_does_not_take_on_what_another_works_on(
        self, http: Http, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        """Given two sweeps that found the same redrive, when one has taken it, then the other leaves it."""
        deaths(kit, handlers, script, 3)
        start(http, rate=1)
        wire = Wire(kit.services)

        def die_with_it(seconds: float) -> None:
            raise Crash("in its second second")

        def take_it() -> None:
            with suppress(Crash):
                kit.new_services(sleep=die_with_it).redrives.advance(kit.clock() + timedelta(seconds=60))

        wire.before("UpdateItem", take_it)
        assert kit.services.redrives.advance(kit.clock() + timedelta(seconds=60)) == 0

    def test_a_zombie_stops_when_somebody_else_took_over(
        self, http: Http, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        deaths(kit, handlers, script, 6)
        redrive = start(http, rate=1)
        other = kit.new_services()

        def take_over(seconds: float) -> None:
            kit.clock.advance(LEASE.total_seconds())
            other.redrives.advance(kit.clock() + timedelta(seconds=60))

        zombie = kit.new_services(sleep=take_over)
        zombie.redrives.advance(kit.clock() + timedelta(seconds=600))
        found = get(http, redrive)
        assert found["status"] == "done"
        assert found["changed"] <= 6

    def test_trouble_is_tried_again_and_given_up_in_the_end(
        self, http: Http, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        deaths(kit, handlers, script, 3)
        redrive = start(http, rate=1)
        for _ in range(5):
            assert get(http, redrive)["status"] == "running"
            Wire(kit.services).refuse(
                "Query", lambda sent: sent["KeyConditionExpression"].startswith("pk = :pk AND sk <")
            )
            handlers.sweep()
            kit.clock.advance(60)
        assert get(http, redrive)["status"] == "failed"
        assert start(http, rate=100)["status"] == "done"

    def test_the_trouble_of_the_first_second_is_the_sweeps(
        self, http: Http, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        deaths(kit, handlers, script, 3)
        Wire(kit.services).refuse("Query")
        redrive = start(http)
        assert (redrive["status"], redrive["changed"]) == ("running", 0)
        kit.clock.advance(60)
        handlers.sweep()
        assert get(http, redrive)["changed"] == 3
