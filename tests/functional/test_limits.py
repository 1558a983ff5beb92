"""The limits of one owner over HTTP and WebSocket: 429 with Retry-After, and nothing stored."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib import bootstrap
from chalicelib.aws.dynamodb.connection_table import KEPT
from testing.kit import Kit
from tests.functional.conftest import Handlers, Http
from tests.support.aws_state import items, take_messages
from tests.support.sockets import SocketServer

TASK = {"type": "demo.sleep", "payload": {"seconds": 1}}
QUOTA = {"posts_per_second": 2.0, "post_burst": 4, "open_tasks": 6, "connections": 2}


@pytest.fixture
def kit() -> Iterator[Kit]:
    with Kit(**QUOTA) as kit:
        bootstrap.install(kit.services)
        yield kit


def statuses(http: Http, count: int, **headers: str) -> list[int]:
    return [http.post("/tasks", TASK, **headers).status_code for _ in range(count)]


class TestPosts:
    def test_a_burst_is_accepted_and_then_a_rate(self, kit: Kit, http: Http) -> None:
        assert statuses(http, 6) == [201] * 4 + [429] * 2
        kit.clock.advance(1)
        assert statuses(http, 3) == [201] * 2 + [429]

    def test_a_refusal_has_the_limit_and_retry_after(self, kit: Kit, http: Http) -> None:
        statuses(http, 4)
        answer = http.post("/tasks", TASK)
        assert (answer.status_code, answer.json_body["code"]) == (429, "too_many")
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.headers["Retry-After"] == "1"
        assert answer.headers["RateLimit-Policy"] == '"posts";q=4'
        assert answer.headers["RateLimit"] == '"posts";r=0;t=1'
        kit.clock.advance(int(answer.headers["Retry-After"]))
        assert statuses(http, 1) == [201]

    def test_a_refused_post_stores_and_sends_nothing(self, kit: Kit, http: Http) -> None:
        statuses(http, 4)
        assert statuses(http, 1, idempotency_key="k1") == [429]
        assert http.post("/tasks/batch", {"tasks": [TASK] * 2}).status_code == 429
        assert len(items(kit, "tasks", "task#")) == len(take_messages(kit, "fast")) == 4
        assert items(kit, "tasks", "key#") == []
        kit.clock.advance(1)
        assert statuses(http, 1, idempotency_key="k1") == [201]

    def test_a_batch_counts_each_of_its_tasks(self, http: Http) -> None:
        assert http.post("/tasks/batch", {"tasks": [TASK] * 3}).status_code == 207
        assert statuses(http, 2) == [201, 429]

    def test_a_retry_counts_as_a_post(self, kit: Kit, http: Http) -> None:
        task_id = http.post("/tasks", TASK).json_body["id"]
        http.post(f"/tasks/{task_id}/cancel")
        statuses(http, 3)
        assert http.post(f"/tasks/{task_id}/retry").status_code == 429
        assert kit.get(task_id)["status"] == "canceled"

    def test_reading_and_canceling_are_not_limited(self, http: Http) -> None:
        task_id = http.post("/tasks", TASK).json_body["id"]
        statuses(http, 4)
        assert [http.get("/tasks").status_code for _ in range(20)] == [200] * 20
        assert http.post(f"/tasks/{task_id}/cancel").status_code == 200

    def test_an_unreadable_request_costs_nothing(self, http: Http) -> None:
        for _ in range(10):
            assert http.post("/tasks", {"type": 7}).status_code == 422
            assert http.post_raw("/tasks", b"{").status_code == 400
        assert statuses(http, 5) == [201] * 4 + [429]

    def test_another_owner_is_not_affected(self, kit: Kit, http: Http) -> None:
        statuses(http, 6)
        assert statuses(http.as_(kit.token(owner="bob")), 1) == [201]

    def test_all_containers_share_the_limit(self, kit: Kit, http: Http) -> None:
        taken = 0
        for _ in range(4):
            bootstrap.install(kit.new_services())
            taken += statuses(http, 2).count(201)
        assert taken == 4


class TestOpenTasks:
    def test_the_stream_handler_counts_open_tasks(self, kit: Kit, http: Http, handlers: Handlers) -> None:
        """Given as many open tasks as allowed, when one ends, then another may be created."""
        tasks: list[dict[str, Any]] = []
        while len(tasks) < QUOTA["open_tasks"]:
            tasks.append(http.post("/tasks", TASK).json_body)
            kit.clock.advance(2)
        handlers.push()
        answer = http.post("/tasks", TASK)
        assert answer.status_code == 429
        assert answer.headers["RateLimit-Policy"] == '"open-tasks";q=6'
        http.post(f"/tasks/{tasks[0]['id']}/cancel")
        handlers.push()
        kit.clock.advance(2)
        assert statuses(http, 2) == [201, 429]

    def test_a_copy_of_a_batch_of_the_stream_is_not_counted_again(
        self, kit: Kit, http: Http, handlers: Handlers
    ) -> None:
        statuses(http, 2)
        records = handlers.stream()
        handlers.push(records)
        counted = items(kit, "rollups", kit.owner)
        (limits,) = [item for item in counted if item["sk"]["S"] == "#limits"]
        assert limits["open_tasks"] == {"N": "2"}

    def test_a_redriven_task_is_open_again(self, kit: Kit, http: Http, handlers: Handlers) -> None:
        task_id = http.post("/tasks", TASK).json_body["id"]
        http.post(f"/tasks/{task_id}/cancel")
        http.post(f"/tasks/{task_id}/retry")
        handlers.push()
        (limits,) = [item for item in items(kit, "rollups", kit.owner) if item["sk"]["S"] == "#limits"]
        assert limits["open_tasks"] == {"N": "1"}


class TestConnections:
    def test_as_many_may_be_open_as_settings_say(self, handlers: Handlers) -> None:
        assert [handlers.connect(f"c{number}") for number in range(3)] == [200, 200, 429]
        handlers.disconnect("c0")
        assert handlers.connect("c3") == 200

    def test_another_owner_has_its_own(self, kit: Kit, handlers: Handlers) -> None:
        assert [handlers.connect(f"c{number}") for number in range(3)] == [200, 200, 429]
        assert handlers.connect("c3", token=kit.token(owner="bob")) == 200

    def test_a_refused_ticket_is_not_used_up(
        self, http: Http, handlers: Handlers, sockets: SocketServer
    ) -> None:
        ticket = http.post("/tickets").json_body["ticket"]
        for number in range(2):
            handlers.connect(f"c{number}")
        assert handlers.connect("c2", token="", ticket=ticket) == 429
        handlers.disconnect("c0")
        assert handlers.connect("c3", token="", ticket=ticket) == 200

    def test_clients_that_left_without_disconnect_count_for_a_day_at_most(
        self, kit: Kit, handlers: Handlers
    ) -> None:
        """API Gateway promises no $disconnect, and TTL may take days."""
        for number in range(2):
            handlers.connect(f"c{number}")
        kit.clock.advance(KEPT.total_seconds() + 1)
        assert handlers.connect("c2") == 200
