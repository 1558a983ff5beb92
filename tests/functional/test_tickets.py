"""Tickets let a browser watch: one connection, soon, and what they are for."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

import app
from chalicelib.aws.sdk.client import error_type
from chalicelib.domain.ticket import LIFETIME
from testing.kit import Kit
from tests.conftest import Printed
from tests.functional.conftest import Handlers, Http
from tests.support.aws_wire import Wire
from tests.support.sockets import SocketServer

TASK = {"type": "demo.sleep", "payload": {"seconds": 1}}


@pytest.fixture(autouse=True)
def _endpoint(sockets: SocketServer) -> None:
    """Tickets name the WebSocket API's address."""


def buy(http: Http, watch: str | None = None) -> str:
    answer = http.post("/tickets", None if watch is None else {"watch": watch})
    assert answer.status_code == 201
    return str(answer.json_body["ticket"])


def enter(handlers: Handlers, connection_id: str, ticket: str, **query: str) -> int:
    """Connect as a browser does: with a ticket and no header."""
    return handlers.connect(connection_id, token="", ticket=ticket, **query)


class TestSelling:
    def test_a_ticket_comes_with_its_address_and_its_end(
        self, kit: Kit, http: Http, sockets: SocketServer
    ) -> None:
        answer = http.post("/tickets", {"watch": "all"}).json_body
        assert answer["url"] == f"{sockets.url.replace('http', 'ws')}?ticket={answer['ticket']}"
        assert datetime.fromisoformat(answer["expires_at"]) == kit.clock() + LIFETIME

    def test_no_ticket_outlives_the_token_that_bought_it(self, kit: Kit, http: Http) -> None:
        ends = kit.clock() + timedelta(seconds=10)
        answer = http.as_(kit.token(exp=int(ends.timestamp()))).post("/tickets").json_body
        assert datetime.fromisoformat(answer["expires_at"]).astimezone(UTC) == ends

    @pytest.mark.parametrize(
        "watch", ["none", "", "everything", "task:nope", "owner:ada", 7, None, "x" * 201]
    )
    def test_nothing_else_is_sold(self, http: Http, watch: Any) -> None:
        answer = http.post("/tickets", {"watch": watch})
        assert answer.status_code == 422
        assert answer.json_body["errors"][0]["pointer"] == "/watch"

    def test_a_new_task_comes_with_a_ticket_to_watch_it(
        self, http: Http, handlers: Handlers, sockets: SocketServer
    ) -> None:
        task = http.post("/tasks", TASK).json_body
        assert enter(handlers, "c1", task["stream"]["ticket"]) == 200
        http.post("/tasks", TASK)
        handlers.push()
        assert {update["id"] for update in sockets.tasks("c1")} == {task["id"]}

    def test_who_may_not_read_gets_none_with_it(self, kit: Kit, http: Http) -> None:
        answer = http.as_(kit.token("tasks:write")).post("/tasks", TASK)
        assert answer.status_code == 201
        assert answer.json_body["stream"] is None

    def test_a_task_is_answered_for_even_when_no_ticket_can_be_sold(self, kit: Kit, http: Http) -> None:
        """It is stored: a 503 would make its client post it again."""
        kit.client("ssm").delete_parameter(Name=kit.settings.parameter("websocket-endpoint"))
        answer = http.post("/tasks", TASK)
        assert answer.status_code == 201
        assert answer.json_body["stream"] is None
        assert http.post("/tickets").status_code == 503


class TestEntering:
    def test_one_ticket_is_one_connection(self, http: Http, handlers: Handlers) -> None:
        ticket = buy(http)
        assert enter(handlers, "c1", ticket) == 200
        assert enter(handlers, "c2", ticket) == 401
        handlers.disconnect("c1")
        assert enter(handlers, "c3", ticket) == 401

    def test_of_two_who_come_at_once_one_is_let_in(self, kit: Kit, http: Http) -> None:
        ticket = kit.services.ticket_issuer.verify(buy(http))

        def enter_at_once(number: int) -> bool:
            try:
                kit.services.connections.connect_with_ticket(f"c{number}", ticket, {})
            except Exception:
                return False
            return True

        with ThreadPoolExecutor(8) as threads:
            assert list(threads.map(enter_at_once, range(8))).count(True) == 1

    def test_an_outage_is_not_taken_for_a_spent_ticket(
        self, kit: Kit, http: Http, handlers: Handlers
    ) -> None:
        ticket = buy(http)
        code = "TransactionCanceledException"
        throttled = {"CancellationReasons": [{"Code": "ThrottlingError"}, {"Code": "None"}, {"Code": "None"}]}

        def refuse() -> None:
            raise error_type(code)("TransactWriteItems", code, 400, throttled)

        Wire(kit.services).before("TransactWriteItems", refuse)
        assert enter(handlers, "c1", ticket) == 503
        assert enter(handlers, "c2", ticket) == 200

    def test_a_lost_reply_does_not_cost_the_ticket(self, kit: Kit, http: Http, handlers: Handlers) -> None:
        ticket = buy(http)
        Wire(kit.services).lose_reply("TransactWriteItems")
        assert enter(handlers, "c1", ticket) == 200

    @pytest.mark.parametrize(("seconds", "status"), [(59.9, 200), (60, 401), (3600, 401)])
    def test_it_must_be_used_within_a_minute(
        self, kit: Kit, http: Http, handlers: Handlers, seconds: float, status: int
    ) -> None:
        ticket = buy(http)
        kit.clock.advance(seconds)
        assert enter(handlers, "c1", ticket) == status

    @pytest.mark.parametrize("watch", ["all", "none", "type:demo.sleep"])
    def test_one_for_everything_may_be_narrowed(self, http: Http, handlers: Handlers, watch: str) -> None:
        assert enter(handlers, "c1", buy(http), watch=watch) == 200

    @pytest.mark.parametrize("watch", ["all", "none", "type:demo.fail"])
    def test_one_for_less_is_for_nothing_else(self, http: Http, handlers: Handlers, watch: str) -> None:
        ticket = buy(http, "type:demo.sleep")
        assert enter(handlers, "c1", ticket, watch=watch) == 401
        assert enter(handlers, "c2", ticket, watch="type:demo.sleep") == 200

    def test_a_wrong_query_does_not_spend_it(self, http: Http, handlers: Handlers) -> None:
        ticket = buy(http)
        assert enter(handlers, "c1", ticket, batch="maybe") == 422
        assert enter(handlers, "c2", ticket) == 200


class TestWhatATicketForOneTaskAllows:
    @pytest.fixture
    def tasks(self, http: Http, handlers: Handlers, sockets: SocketServer) -> list[dict[str, Any]]:
        """Two tasks of one owner, and c1 that watches the first."""
        made = [http.post("/tasks", TASK).json_body for _ in range(2)]
        assert enter(handlers, "c1", made[0]["stream"]["ticket"]) == 200
        handlers.push()
        sockets.take("c1")
        return made

    def test_its_updates_and_a_look_at_it(
        self, tasks: list[dict[str, Any]], http: Http, handlers: Handlers, sockets: SocketServer
    ) -> None:
        for task in tasks:
            http.post(f"/tasks/{task['id']}/cancel")
        handlers.push()
        handlers.say("c1", {"action": "subscribe", "task_id": tasks[0]["id"]})
        assert {update["id"] for update in sockets.tasks("c1")} == {tasks[0]["id"]}

    def test_no_subscription_to_another(
        self, tasks: list[dict[str, Any]], http: Http, handlers: Handlers, sockets: SocketServer
    ) -> None:
        handlers.say("c1", {"action": "subscribe", "task_id": tasks[1]["id"]})
        assert [frame.get("code") for frame in sockets.take("c1")] == ["not_found"]
        http.post(f"/tasks/{tasks[1]['id']}/cancel")
        handlers.push()
        assert sockets.take("c1") == []

    def test_no_sync_of_others_by_name_or_by_age(
        self, tasks: list[dict[str, Any]], handlers: Handlers, sockets: SocketServer
    ) -> None:
        known = {task["id"]: 0 for task in tasks}
        handlers.say("c1", {"action": "sync", "tasks": known, "since": tasks[0]["id"]})
        *updates, last = sockets.take("c1")
        assert [update["task"]["id"] for update in updates] == [tasks[0]["id"]]
        assert last == {"type": "synced", "more": False, "since": None}


class TestTheEndOfTheToken:
    """A connection ends with the token that it came from."""

    ends_after = 300

    @pytest.fixture(params=["token", "ticket"])
    def connected(self, request: pytest.FixtureRequest, kit: Kit, http: Http, handlers: Handlers) -> None:
        token = kit.token(exp=int(kit.clock().timestamp()) + self.ends_after)
        if request.param == "token":
            assert handlers.connect("c1", token=token) == 200
        else:
            assert enter(handlers, "c1", buy(http.as_(token))) == 200

    @pytest.mark.usefixtures("connected")
    def test_no_update_comes_after_it_and_the_connection_is_closed(
        self, kit: Kit, http: Http, handlers: Handlers, sockets: SocketServer
    ) -> None:
        kit.clock.advance(self.ends_after - 1)
        http.post("/tasks", TASK)
        handlers.push()
        assert len(sockets.take("c1")) == 1
        kit.clock.advance(1)
        http.post("/tasks", TASK)
        handlers.push()
        assert sockets.take("c1") == []
        assert sockets.closed == ["c1"]

    @pytest.mark.usefixtures("connected")
    @pytest.mark.parametrize("message", [{"action": "ping"}, {"action": "sync"}, "nonsense"])
    def test_no_answer_comes_after_it_either(
        self, kit: Kit, handlers: Handlers, sockets: SocketServer, message: Any
    ) -> None:
        kit.clock.advance(self.ends_after)
        handlers.say("c1", message)
        assert sockets.take("c1") == []
        assert sockets.closed == ["c1"]

    def test_a_token_in_its_leeway_reads_but_opens_no_connection(
        self, kit: Kit, http: Http, handlers: Handlers
    ) -> None:
        token = kit.token(exp=int(kit.clock().timestamp()) + 10)
        kit.clock.advance(15)
        assert http.as_(token).get("/tasks").status_code == 200
        assert handlers.connect("c1", token=token) == 401


class TestRotation:
    def test_tickets_and_cursors_stay_good_while_keys_are_exchanged(
        self, kit: Kit, http: Http, handlers: Handlers
    ) -> None:
        for _ in range(2):
            http.post("/tasks", TASK)
        ticket, cursor = buy(http), http.get("/tasks?limit=1").json_body["next_cursor"]
        name = kit.settings.parameter("signing-keys")
        old = kit.client("ssm").get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]

        def exchange(keys: str) -> None:
            kit.client("ssm").put_parameter(Name=name, Value=keys, Type="SecureString", Overwrite=True)
            app.services().adapters.parameters._kept.clear()

        exchange(f"{'n' * 43},{old}")
        assert enter(handlers, "c1", ticket) == 200
        assert http.get(f"/tasks?limit=1&cursor={cursor}").status_code == 200
        exchange("n" * 43)
        assert http.get(f"/tasks?limit=1&cursor={cursor}").status_code == 400


def test_what_is_missing_inside_is_told_to_operators_alone(kit: Kit, http: Http, printed: Printed) -> None:
    name = kit.settings.parameter("signing-keys")
    kit.client("ssm").delete_parameter(Name=name)
    answer = http.post("/tickets")
    assert (answer.status_code, answer.json_body["code"]) == (503, "unavailable")
    assert name not in answer.body.decode()
    assert "SSM" not in answer.body.decode()
    (line,) = [line for line in printed() if line.get("action") == "request_refused"]
    assert name in line["reason"]


def test_a_throttled_table_does_not_let_anybody_in(kit: Kit, http: Http, handlers: Handlers) -> None:
    ticket = buy(http)
    Wire(kit.services).refuse("Query")
    assert enter(handlers, "c1", ticket) == 503
    with pytest.raises(ClientError):
        kit.client("dynamodb").describe_table(TableName="nope")
    assert kit.services.adapters.connection_table.watchers(kit.owner, kit.clock()) == []
