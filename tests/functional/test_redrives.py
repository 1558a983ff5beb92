"""Redrives: one action on many tasks at a bounded rate, which survives crashes and stops on abort."""

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
from tests.support.dead_letters import fail_before_dead_letter, failed_task
from tests.support.redriving import FAST, counts, failed_tasks, get, start, statuses
from tests.support.scripted_types import Script


class TestRetry:
    def test_a_small_redrive_finishes_at_once(
        self, http: Http, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        dead = failed_tasks(kit, handlers, script, 4)
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

    def test_the_sweep_continues_a_large_redrive_at_its_rate(
        self, http: Http, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        dead = failed_tasks(kit, handlers, script, 12)
        redrive = start(http, rate=3)
        assert (redrive["status"], counts(redrive)) == ("running", (3, 3, 0, 0))
        assert statuses(kit, dead) == ["failed"] * 9 + ["queued"] * 3  # newest first
        started = kit.clock()
        handlers.sweep()
        redrive = get(http, redrive)
        assert (redrive["status"], counts(redrive)) == ("done", (12, 12, 0, 0))
        assert kit.clock() - started == timedelta(seconds=2)  # three a second, the first three at once
        assert statuses(kit, dead) == ["queued"] * 12

    def test_it_stops_in_time_and_the_next_sweep_continues(
        self, http: Http, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        dead = failed_tasks(kit, handlers, script, 8)
        redrive = start(http, rate=1)
        for changed in (4, 7, 8):
            kit.services.redrives.advance(kit.clock() + kit.services.timing.reserve + timedelta(seconds=2.5))
            assert get(http, redrive)["changed"] == changed
        assert get(http, redrive)["status"] == "done"
        assert {kit.get(task["id"])["redrive_count"] for task in dead} == {1}

    @pytest.mark.parametrize(
        ("filters", "matches"),
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
    def test_tasks_that_do_not_match_the_filter_are_left_alone(  # noqa: PLR0917
        self, http: Http, kit: Kit, handlers: Handlers, script: Script, filters: Any, matches: int
    ) -> None:
        failed_tasks(kit, handlers, script, 2)
        blue = kit.create("test.fast", max_attempts=1, tags=("blue",))
        handlers.run(blue)
        canceled = kit.create("test.fast", delay_seconds=60)
        http.post(f"/tasks/{canceled['id']}/cancel")
        assert start(http, filters)["changed"] == matches

    def test_the_tasks_of_a_dead_letter_group_are_retried(
        self, admin: Http, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        numbered = [failed_task(kit, handlers, script, f"order {number} is lost") for number in range(3)]
        other = failed_task(kit, handlers, script, "something else")
        handlers.watch_dead_letters()
        groups = admin.get("/dead-letters").json_body["groups"]
        (group,) = [each["id"] for each in groups if each["count"] == 3]
        assert start(admin, {"group": group})["changed"] == 3
        assert statuses(kit, [*numbered, other]) == ["queued"] * 3 + ["failed"]
        left = admin.get("/dead-letters").json_body["groups"]
        assert [each["count"] for each in left] == [1]

    def test_the_tasks_of_a_period_are_retried(
        self, http: Http, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        tasks = []
        for _ in range(5):
            tasks.append(failed_task(kit, handlers, script))
            kit.clock.advance(10)
        filters = {"created_after": tasks[0]["created_at"], "created_before": tasks[3]["created_at"]}
        assert start(http, filters)["matched"] == 2
        assert statuses(kit, tasks) == ["failed", "queued", "queued", "failed", "failed"]

    def test_the_tasks_of_several_pages_are_retried(
        self, http: Http, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        dead = failed_tasks(kit, handlers, script, 1)
        for _ in range(EXAMINED_WITH_FILTERS // 100):  # a full page of newer tasks
            http.post("/tasks/batch", {"tasks": [{"type": "test.fast"}] * 100})
        kit.clock.advance(1)
        redrive = start(http)
        assert (redrive["status"], redrive["changed"]) == ("done", 1)
        assert redrive["examined"] == EXAMINED_WITH_FILTERS + 1
        assert statuses(kit, dead) == ["queued"]

    def test_an_unsent_dead_letter_is_sent_before_the_retry(
        self, http: Http, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        task = kit.create("test.fast", max_attempts=1)
        fail_before_dead_letter(kit, handlers, script, task)
        wire = Wire(kit.services)
        start(http)
        sent = [each for each in wire.sent("SendMessage") if "dead-letters" in each["QueueUrl"]]
        assert len(sent) == 1


class TestLoopGuard:
    def test_a_task_that_fails_again_is_not_retried_again(
        self, http: Http, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        dead = failed_tasks(kit, handlers, script, 3)
        redrive = start(http, rate=1)
        kit.clock.advance(1)
        for task in dead:  # each retried task fails at once
            handlers.run(row(kit, task["id"]))
        handlers.sweep()
        assert counts(get(http, redrive)) == (3, 3, 0, 0)
        assert {kit.get(task["id"])["redrive_count"] for task in dead} == {1}

    def test_a_task_that_fails_meanwhile_is_not_retried(
        self, http: Http, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        late = kit.create("test.fast", max_attempts=1)
        kit.clock.advance(1)  # so that it has the smallest id: the redrive reaches it last
        failed_tasks(kit, handlers, script, 2)
        redrive = start(http, rate=1)
        kit.clock.advance(1)
        handlers.run(late)
        handlers.sweep()
        assert get(http, redrive)["changed"] == 2
        assert kit.get(late["id"])["status"] == "failed"

    def test_the_same_filter_does_not_run_twice(
        self, http: Http, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        failed_tasks(kit, handlers, script, 3)
        redrive = start(http, rate=1)
        answer = http.post("/redrives", {"filter": FAST, "rate": 50})
        assert (answer.status_code, answer.json_body["code"]) == (409, "already_running")
        assert redrive["id"] in answer.json_body["detail"]
        assert http.post("/redrives", {"filter": {"tag": "x"}}).status_code == 202
        assert http.post("/redrives", {"filter": FAST, "action": "cancel"}).status_code == 202
        handlers.sweep()
        assert start(http)["status"] == "done"

    def test_a_task_that_was_retried_manually_meanwhile_is_not_retried_twice(
        self, http: Http, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        (task,) = failed_tasks(kit, handlers, script, 1)
        wire = Wire(kit.services)
        wire.before("GetItem", lambda: http.post(f"/tasks/{task['id']}/retry"))
        assert counts(start(http)) == (1, 0, 1, 0)
        assert kit.get(task["id"])["redrive_count"] == 1

    def test_a_task_that_was_retried_manually_and_failed_again_is_left_alone(
        self, http: Http, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        (task,) = failed_tasks(kit, handlers, script, 1)

        def retry_and_die() -> None:
            http.post(f"/tasks/{task['id']}/retry")
            handlers.run(row(kit, task["id"]))

        Wire(kit.services).before("GetItem", retry_and_die)
        assert counts(start(http)) == (1, 0, 1, 0)
        assert (kit.get(task["id"])["status"], kit.get(task["id"])["redrive_count"]) == ("failed", 1)


class TestCrash:
    def test_the_sweep_continues_after_a_crash(
        self, http: Http, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        """Given a function that crashes in a redrive, when its lease ends, then no task is changed twice."""
        dead = failed_tasks(kit, handlers, script, 6)
        redrive = start(http, rate=2)
        wire = Wire(kit.services)
        oldest = dead[0]["id"]
        wire.crash_before("UpdateItem", lambda sent: sent["Key"]["sk"]["S"] == oldest)
        with pytest.raises(Crash):
            handlers.sweep()
        handlers.sweep()
        assert get(http, redrive)["status"] == "running"  # the lease of the killed function is still valid
        kit.clock.advance(LEASE.total_seconds())
        handlers.sweep()
        assert get(http, redrive)["status"] == "done"
        assert statuses(kit, dead) == ["queued"] * 6
        assert {kit.get(task["id"])["redrive_count"] for task in dead} == {1}

    def test_a_zombies_progress_is_refused(
        self, http: Http, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        """Given a function that froze, when another has continued, then its writes are refused."""
        failed_tasks(kit, handlers, script, 8)
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

    def test_a_sweep_leaves_a_redrive_that_another_runs(
        self, http: Http, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        """Given two sweeps that read the same redrive, when one has claimed it, then the other leaves it."""
        failed_tasks(kit, handlers, script, 3)
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
        failed_tasks(kit, handlers, script, 6)
        redrive = start(http, rate=1)
        other = kit.new_services()

        def take_over(seconds: float) -> None:
            kit.clock.advance(LEASE.total_seconds())
            other.redrives.advance(kit.clock() + timedelta(seconds=60))

        zombie = kit.new_services(sleep=take_over)
        zombie.redrives.advance(kit.clock() + timedelta(seconds=600))
        current = get(http, redrive)
        assert current["status"] == "done"
        assert current["changed"] <= 6

    def test_errors_are_retried_and_given_up_in_the_end(
        self, http: Http, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        failed_tasks(kit, handlers, script, 3)
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

    def test_the_sweep_handles_an_error_of_the_first_second(
        self, http: Http, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        failed_tasks(kit, handlers, script, 3)
        Wire(kit.services).refuse("Query")
        redrive = start(http)
        assert (redrive["status"], redrive["changed"]) == ("running", 0)
        kit.clock.advance(60)
        handlers.sweep()
        assert get(http, redrive)["changed"] == 3
