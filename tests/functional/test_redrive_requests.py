"""Requests about redrives: cancel, abort, dry run and list."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from chalice.test import Client

import app
from chalicelib import bootstrap
from testing.kit import Kit
from tests.functional.conftest import FAR, ROOT, Handlers, Http
from tests.support.aws_state import items
from tests.support.aws_wire import Wire
from tests.support.redriving import FAST, counts, failed_tasks, get, start, statuses
from tests.support.scripted_types import Script


class TestCancel:
    def test_every_unfinished_task_is_canceled(
        self, http: Http, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        waiting = [kit.create("test.fast"), kit.create("test.fast", delay_seconds=60)]
        script.raises(ValueError("it broke"))
        retrying = kit.create("test.fast")
        handlers.run(retrying)
        script.returns(None)
        done = kit.create("test.fast")
        handlers.run(done)
        other = kit.create("test.long")
        redrive = start(http, action="cancel")
        assert (redrive["status"], counts(redrive)) == ("done", (3, 3, 0, 0))
        assert statuses(kit, [*waiting, retrying, done, other]) == ["canceled"] * 3 + ["succeeded", "queued"]

    def test_a_running_task_is_asked_to_stop_once(
        self, http: Http, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        progress: list[Any] = []
        script.work = lambda payload, context: progress.extend(
            [start(http, action="cancel")["changed"], start(http, action="cancel")["changed"]]
        )
        handlers.run(kit.create("test.fast"))
        assert progress == [1, 0]

    def test_only_tasks_of_one_status_are_canceled(self, http: Http, kit: Kit, script: Script) -> None:
        queued, scheduled = kit.create("test.fast"), kit.create("test.fast", delay_seconds=60)
        start(http, {"status": "scheduled"}, action="cancel")
        assert statuses(kit, [queued, scheduled]) == ["queued", "canceled"]


class TestAbort:
    def test_an_aborted_redrive_changes_nothing_more(
        self, http: Http, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        dead = failed_tasks(kit, handlers, script, 3)
        redrive = start(http, rate=1)
        answer = http.post(f"/redrives/{redrive['id']}/abort")
        assert (answer.status_code, answer.json_body["status"]) == (200, "aborted")
        assert answer.json_body["finished_at"] is not None
        handlers.sweep()
        assert statuses(kit, dead) == ["failed", "failed", "queued"]
        assert http.post(f"/redrives/{redrive['id']}/abort").json_body["status"] == "aborted"

    def test_the_runner_sees_an_abort_within_a_second(
        self, http: Http, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        dead = failed_tasks(kit, handlers, script, 6)
        redrive = start(http, rate=1)

        def wait(seconds: float) -> None:
            kit.clock.advance(seconds)
            http.post(f"/redrives/{redrive['id']}/abort")

        worker = kit.new_services(sleep=wait)
        worker.redrives.advance(kit.clock() + timedelta(seconds=60))
        current = get(http, redrive)
        assert (current["status"], current["changed"]) == ("aborted", 3)
        assert statuses(kit, dead).count("queued") == 3

    def test_a_finished_redrive_cannot_be_aborted(self, http: Http, script: Script) -> None:
        redrive = start(http)
        answer = http.post(f"/redrives/{redrive['id']}/abort")
        assert (answer.status_code, answer.json_body["code"]) == (409, "transition_not_allowed")

    def test_an_aborted_redrives_filter_may_be_used_again(
        self, http: Http, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        failed_tasks(kit, handlers, script, 3)
        redrive = start(http, rate=1)
        http.post(f"/redrives/{redrive['id']}/abort")
        assert start(http)["changed"] == 2


class TestDryRun:
    def test_it_counts_and_changes_nothing(
        self, http: Http, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        dead = failed_tasks(kit, handlers, script, 7)
        wire = Wire(kit.services)
        answer = http.post("/redrives", {"filter": FAST, "dry_run": True})
        assert answer.status_code == 200
        assert (answer.json_body["matched"], answer.json_body["more"]) == (7, False)
        assert [task["id"] for task in answer.json_body["sample"]] == [t["id"] for t in reversed(dead[2:])]
        assert "payload" not in answer.json_body["sample"][0]
        assert set(wire.counts()) == {"Query"}
        assert http.get("/redrives").json_body["redrives"] == []


class TestList:
    def test_redrives_are_listed_newest_first(self, http: Http, kit: Kit, script: Script) -> None:
        started = []
        for number in range(5):
            started.append(start(http, {"tag": f"t{number}"})["id"])
            kit.clock.advance(1)
        listed, cursor = [], ""
        while True:
            body = http.get(f"/redrives?limit=2{cursor}").json_body
            listed += [redrive["id"] for redrive in body["redrives"]]
            if body["next_cursor"] is None:
                break
            cursor = f"&cursor={body['next_cursor']}"
        assert listed == started[::-1]

    def test_each_owner_lists_their_own_redrives(self, http: Http, kit: Kit, script: Script) -> None:
        redrive = start(http)
        bob = http.as_(kit.token("tasks:read", "tasks:write", owner="bob"))
        assert bob.get("/redrives").json_body["redrives"] == []
        assert bob.get(f"/redrives/{redrive['id']}").status_code == 404
        assert bob.post(f"/redrives/{redrive['id']}/abort").status_code == 404

    @pytest.mark.parametrize("redrive_id", ["nope", "0190163d-8694-739b-aea5-966c26f8ad01", "%00"])
    def test_an_unknown_redrive_is_a_404(self, http: Http, redrive_id: str, script: Script) -> None:
        assert http.get(f"/redrives/{redrive_id}").status_code == 404
        assert http.post(f"/redrives/{redrive_id}/abort").status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"filter": {}},
        {"action": "cancel"},
        {"filter": {"status": "succeeded"}},
        {"filter": {"status": "queued"}},
        {"filter": {"status": "failed"}, "action": "cancel"},
        {"filter": {"statuses": ["failed"]}},
        {"filter": {"created_before": "yesterday"}},
        {"filter": {"error_kind": "bad"}},
        {"filter": FAST, "action": "delete"},
        {"filter": FAST, "rate": 0},
        {"filter": FAST, "rate": 101},
        {"filter": FAST, "rate": 1.5},
        {"filter": FAST, "dry_run": "yes"},
        {"filter": FAST, "more": 1},
    ],
)
def test_an_invalid_body_starts_nothing(http: Http, kit: Kit, body: Any, script: Script) -> None:
    assert http.post("/redrives", body).status_code == 422
    assert items(kit, "tasks", "redrive") == []


def test_an_owners_limits_apply_to_redrives(script: Script) -> None:
    with Kit(script.types, posts_per_second=1, post_burst=4) as kit:
        bootstrap.install(kit.services)
        handlers = Handlers(kit)
        dead = failed_tasks(kit, handlers, script, 8)
        with Client(app.app, stage_name="local", project_dir=str(ROOT)) as client:
            http = Http(client, kit.token(exp=FAR))
            redrive = start(http, rate=100)
            assert redrive["status"] == "running"
            assert redrive["changed"] < 8
            for _ in range(8):
                kit.clock.advance(60)
                handlers.sweep()
            assert get(http, redrive)["status"] == "done"
        assert statuses(kit, dead) == ["queued"] * 8
