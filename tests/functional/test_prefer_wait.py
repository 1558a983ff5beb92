"""Prefer: wait=N on POST /tasks and GET /tasks/{id}: the result of a fast task in one round trip."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from chalicelib import bootstrap
from chalicelib.domain.new_task import NewTask
from testing.kit import Kit
from tests.functional.conftest import FAR, Handlers, Http
from tests.support.aws_wire import Wire
from tests.support.scripted_types import Script

APPLIED = "Preference-Applied"


@pytest.fixture
def meanwhile(kit: Kit) -> list[Callable[[], Any]]:
    """Actions that happen during each wait. The clock advances, too."""
    acts: list[Callable[[], Any]] = []

    def wait(seconds: float) -> None:
        kit.clock.advance(seconds)
        for act in acts:
            act()

    kit.services = kit.new_services(sleep=wait)
    bootstrap.install(kit.services)
    return acts


def run_all(kit: Kit) -> Callable[[], None]:
    def run() -> None:
        for task in kit.waiting():
            kit.deliver(task)

    return run


class TestPost:
    def test_a_fast_task_returns_its_result(
        self, http: Http, kit: Kit, script: Script, meanwhile: list[Any]
    ) -> None:
        script.returns({"big": "x" * 2000})
        meanwhile.append(run_all(kit))
        answer = http.post("/tasks", {"type": "test.fast"}, prefer="wait=5")
        assert (answer.status_code, answer.json_body["status"]) == (201, "succeeded")
        assert answer.json_body["result"] == {"big": "x" * 2000}
        assert answer.headers[APPLIED] == "wait=5"
        assert answer.headers["ETag"] == '"v3"'
        assert "stream" in answer.json_body

    def test_a_slow_task_is_returned_unfinished_after_the_wait(
        self, http: Http, kit: Kit, script: Script, meanwhile: list[Any]
    ) -> None:
        started = kit.clock()
        answer = http.post("/tasks", {"type": "test.fast"}, prefer="wait=5")
        assert (answer.status_code, answer.json_body["status"]) == (201, "queued")
        assert answer.headers[APPLIED] == "wait=5"
        assert (kit.clock() - started).total_seconds() == pytest.approx(5)

    def test_a_replay_waits_for_the_existing_task(
        self, http: Http, kit: Kit, script: Script, meanwhile: list[Any]
    ) -> None:
        http.post("/tasks", {"type": "test.fast"}, idempotency_key="one")
        meanwhile.append(run_all(kit))
        answer = http.post("/tasks", {"type": "test.fast"}, idempotency_key="one", prefer="wait=5")
        assert (answer.status_code, answer.json_body["status"]) == (200, "succeeded")

    def test_a_failed_read_while_waiting_does_not_lose_the_response(
        self, http: Http, kit: Kit, script: Script, meanwhile: list[Any]
    ) -> None:
        wire = Wire(kit.services)
        wire.refuse("GetItem")
        answer = http.post("/tasks", {"type": "test.fast"}, prefer="wait=5")
        assert (answer.status_code, answer.json_body["status"]) == (201, "queued")
        assert APPLIED not in answer.headers

    def test_a_wait_costs_two_writes_and_few_reads(
        self, http: Http, kit: Kit, script: Script, meanwhile: list[Any]
    ) -> None:
        http.post("/tasks", {"type": "test.fast"})
        wire = Wire(kit.services)
        meanwhile.append(run_all(kit))
        task = kit.create("test.fast")
        wire.forget()
        http.get(f"/tasks/{task['id']}", prefer="wait=5")
        writes = [sent for sent in wire.sent("UpdateItem") if sent["TableName"].endswith("rollups")]
        assert len(writes) == 2
        http.post("/tasks", {"type": "test.fast"}, prefer="wait=20")
        meanwhile.clear()
        wire.forget()
        http.post("/tasks", {"type": "test.fast"}, prefer="wait=20")
        assert len(wire.sent("GetItem")) < 50


class TestGet:
    def test_a_get_waits_for_the_end(
        self, http: Http, kit: Kit, script: Script, meanwhile: list[Any]
    ) -> None:
        task = kit.create("test.fast")
        meanwhile.append(run_all(kit))
        answer = http.get(f"/tasks/{task['id']}", prefer="wait=5")
        assert (answer.status_code, answer.json_body["status"]) == (200, "succeeded")
        assert answer.headers[APPLIED] == "wait=5"

    def test_a_finished_task_is_returned_at_once(
        self, http: Http, kit: Kit, handlers: Handlers, script: Script, meanwhile: list[Any]
    ) -> None:
        task = kit.create("test.fast")
        handlers.run(task)
        started, wire = kit.clock(), Wire(kit.services)
        assert http.get(f"/tasks/{task['id']}", prefer="wait=20").headers[APPLIED] == "wait=20"
        assert kit.clock() == started
        assert wire.counts() == {"GetItem": 1}

    def test_with_the_current_version_it_waits_for_the_next(
        self, http: Http, kit: Kit, script: Script, meanwhile: list[Any]
    ) -> None:
        task = kit.create("test.fast", delay_seconds=60)
        meanwhile.append(lambda: http.post(f"/tasks/{task['id']}/cancel"))
        answer = http.get(f"/tasks/{task['id']}", prefer="wait=5", if_none_match='"v1"')
        assert (answer.status_code, answer.json_body["version"]) == (200, 2)

    def test_with_an_old_version_it_does_not_wait(
        self, http: Http, kit: Kit, script: Script, meanwhile: list[Any]
    ) -> None:
        task = kit.create("test.fast")
        started = kit.clock()
        answer = http.get(f"/tasks/{task['id']}", prefer="wait=5", if_none_match='"v0"')
        assert (answer.status_code, kit.clock()) == (200, started)

    def test_without_a_change_it_ends_with_a_304(
        self, http: Http, kit: Kit, script: Script, meanwhile: list[Any]
    ) -> None:
        task = kit.create("test.fast")
        answer = http.get(f"/tasks/{task['id']}", prefer="wait=5", if_none_match='"v1"')
        assert (answer.status_code, answer.headers[APPLIED]) == (304, "wait=5")

    def test_a_task_that_is_deleted_meanwhile_is_returned_as_last_read(
        self, http: Http, kit: Kit, handlers: Handlers, script: Script, meanwhile: list[Any]
    ) -> None:
        task = kit.create("test.fast")
        handlers.run(task)
        meanwhile.append(lambda: http.delete(f"/tasks/{task['id']}"))
        answer = http.get(f"/tasks/{task['id']}", prefer="wait=5", if_none_match='"v3"')
        assert answer.status_code == 304

    def test_an_unknown_task_is_not_waited_for(self, http: Http, kit: Kit, meanwhile: list[Any]) -> None:
        started = kit.clock()
        answer = http.get("/tasks/0190163d-8694-739b-aea5-966c26f8ad01", prefer="wait=5")
        assert (answer.status_code, kit.clock()) == (404, started)


class TestPreference:
    @pytest.mark.parametrize(
        ("prefer", "applied"),
        [
            ("wait=0", "wait=0"),
            ("wait=21", "wait=20"),
            ("wait=999999999", "wait=20"),
            ('respond-async, WAIT = "1"', "wait=1"),
            ("wait=1; foo", "wait=1"),
            ("wait=-1", None),
            ("wait=1.5", None),
            ("wait=", None),
            ("wait=ten", None),
            ("await=1", None),
            ("wait=12345678901234567890", None),
            ("return=minimal", None),
        ],
    )
    def test_an_unreadable_preference_is_ignored(
        self, http: Http, kit: Kit, meanwhile: list[Any], prefer: str, applied: str | None
    ) -> None:
        task = kit.create("demo.sleep", {"seconds": 1})
        answer = http.get(f"/tasks/{task['id']}", prefer=prefer)
        assert (answer.status_code, answer.headers.get(APPLIED)) == (200, applied)


class TestCap:
    @pytest.fixture
    def applied_waits(self, kit: Kit, http: Http) -> list[str | None]:
        """The applied preference of each request. Each arrives while the one before it waits."""
        applied: list[str | None] = []
        task = kit.create("demo.sleep", {"seconds": 1})

        def wait(seconds: float) -> None:
            if len(applied) < 25:
                applied.append("")
                number = len(applied) - 1
                applied[number] = http.get(f"/tasks/{task['id']}", prefer="wait=20").headers.get(APPLIED)
            kit.clock.advance(20)

        kit.services = kit.new_services(sleep=wait)
        bootstrap.install(kit.services)
        http.get(f"/tasks/{task['id']}", prefer="wait=20")
        return applied

    def test_beyond_the_limit_the_response_comes_at_once(self, applied_waits: list[str | None]) -> None:
        # The first request waits during all others; the 21st exceeds the limit.
        assert applied_waits[:19] == ["wait=20"] * 19
        assert applied_waits[19] is None
        assert len(applied_waits) == 20

    def test_other_owners_may_still_wait(self, applied_waits: list[str | None], kit: Kit, http: Http) -> None:
        task = kit.services.task_creator.create("bob", NewTask(type="demo.sleep", payload={"seconds": 1}))
        bob = http.as_(kit.token(owner="bob", exp=FAR))
        assert bob.get(f"/tasks/{task.id}", prefer="wait=20").headers[APPLIED] == "wait=20"

    def test_the_end_of_a_wait_frees_its_place(self, http: Http, kit: Kit, meanwhile: list[Any]) -> None:
        meanwhile.append(lambda: kit.clock.advance(20))  # the wait ends after one read
        task = kit.create("demo.sleep", {"seconds": 1})
        for _ in range(30):  # one after the other
            answer = http.get(f"/tasks/{task['id']}", prefer="wait=20")
            assert answer.headers[APPLIED] == "wait=20"
