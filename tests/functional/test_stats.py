"""GET /stats: recent counts, added up by the stream handler, and queue lengths."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.domain.new_task import NewTask
from chalicelib.domain.outcomes import NonRetryable
from testing.kit import Kit
from tests.functional.conftest import FAR, Handlers, Http
from tests.support.aws_wire import Wire
from tests.support.scripted_types import Script

pytestmark = pytest.mark.usefixtures("script")

NOTHING = {
    "created": 0,
    "started": 0,
    "succeeded": 0,
    "failed": 0,
    "retried": 0,
    "canceled": 0,
    "expired": 0,
    "mean_wait_ms": None,
    "mean_run_ms": None,
}


@pytest.fixture
def http(http: Http, kit: Kit) -> Http:
    """Statistics are for administrators."""
    return http.as_(kit.token(exp=FAR))


def stats(http: Http, query: str = "") -> dict[str, Any]:
    answer = http.get(f"/stats{query}")
    assert answer.status_code == 200
    body: dict[str, Any] = answer.json_body
    return body


def test_a_stage_without_tasks_has_all_its_numbers(http: Http) -> None:
    idle = {"ready": 0, "delayed": 0, "in_flight": 0}
    assert stats(http) == {
        "approximate": True,
        "totals": NOTHING,
        "minutes": [],
        "queues": {"fast": idle, "long": idle, "dead-letters": idle},
    }


def test_outcomes_waits_and_run_times_are_counted(
    http: Http, kit: Kit, handlers: Handlers, script: Script
) -> None:
    """Given one task that waits 3 s and runs 2 s, one that fails and one that is canceled."""
    done, dead, dropped = (kit.create("test.fast") for _ in range(3))
    http.post(f"/tasks/{dropped['id']}/cancel")
    kit.clock.advance(3)
    script.work = lambda payload, context: kit.clock.advance(2)
    handlers.run(done)
    script.raises(NonRetryable("broken"))
    handlers.run(dead)
    handlers.push()
    assert stats(http)["totals"] == {
        **NOTHING,
        "created": 3,
        "started": 2,
        "succeeded": 1,
        "failed": 1,
        "canceled": 1,
        "mean_wait_ms": 4000,  # 3 s and 5 s
        "mean_run_ms": 1000,  # 2 s and 0 s
    }


def test_each_minute_is_counted_for_itself(http: Http, kit: Kit, handlers: Handlers) -> None:
    kit.clock.advance(60 - kit.clock().second)
    kit.create("test.fast")
    kit.clock.advance(60)
    kit.create("test.fast")
    kit.create("test.fast")
    handlers.push()
    minutes = stats(http)["minutes"]
    assert [minute["created"] for minute in minutes] == [1, 2]
    assert minutes[0]["minute"] < minutes[1]["minute"]
    assert all(minute["minute"].endswith(":00Z") for minute in minutes)


def test_only_the_requested_minutes_are_counted(http: Http, kit: Kit, handlers: Handlers) -> None:
    kit.create("test.fast")
    kit.clock.advance(120)
    kit.create("test.fast")
    handlers.push()
    created = [stats(http, f"?minutes={minutes}")["totals"]["created"] for minutes in (1, 2, 3, 1440)]
    assert created == [1, 1, 2, 2]


def test_other_owners_are_not_counted(http: Http, kit: Kit, handlers: Handlers) -> None:
    kit.services.task_creator.create("bob", NewTask(type="test.fast"))
    handlers.push()
    assert stats(http)["totals"] == NOTHING


def test_a_repeated_batch_is_counted_once(http: Http, kit: Kit, handlers: Handlers) -> None:
    kit.create("test.fast")
    records = handlers.stream()
    for _ in range(2):
        handlers.push(records)
    assert stats(http)["totals"]["created"] == 1


def test_a_count_with_a_lost_reply_is_added_once(http: Http, kit: Kit, handlers: Handlers) -> None:
    kit.create("test.fast")
    wire = Wire(kit.services)
    wire.lose_reply("UpdateItem")
    handlers.push()
    assert wire.counts()["UpdateItem"] == 3  # the minute and the open tasks, one of them twice
    assert stats(http)["totals"]["created"] == 1


def test_a_copy_is_recognized_after_other_batches(http: Http, kit: Kit) -> None:
    for batch in ("one", "another", "one"):
        kit.services.adapters.rollup_table.add("default", kit.clock(), {"created": 1}, batch)
    assert stats(http)["totals"]["created"] == 2


def test_the_lengths_of_the_queues_are_returned(http: Http, kit: Kit) -> None:
    kit.create("test.fast")
    kit.create("test.fast", delay_seconds=60.0)
    kit.create("test.long")
    queues = stats(http)["queues"]
    assert (queues["fast"]["ready"], queues["fast"]["delayed"], queues["long"]["ready"]) == (1, 1, 1)


@pytest.mark.parametrize("query", ["minutes=0", "minutes=1441", "minutes=x", "minutes=", "hours=1"])
def test_a_wrong_query_is_refused(http: Http, query: str) -> None:
    answer = http.get(f"/stats?{query}")
    assert answer.status_code == 422
    assert answer.json_body["errors"][0]["pointer"] == f"/{query.partition('=')[0]}"
