"""Tickets let a browser watch: one connection, within a minute, for one owner and one watch."""

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


def create_ticket(http: Http, watch: str | None = None) -> str:
    answer = http.post("/tickets", None if watch is None else {"watch": watch})
    assert answer.status_code == 201
    return str(answer.json_body["ticket"])


def connect(handlers: Handlers, connection_id: str, ticket: str, **query: str) -> int:
    """Connect as a browser does, with a ticket and without a header."""
    return handlers.connect(connection_id, token="", ticket=ticket, **query)


class TestIssuing:
    def test_a_ticket_has_its_url_and_expiry(self, kit: Kit, http: Http, sockets: SocketServer) -> None:
        answer = http.post("/tickets", {"watch": "all"}).json_body
        assert answer["url"] == f"{sockets.url.replace('http', 'ws')}?ticket={answer['ticket']}"
        assert datetime.fromisoformat(answer["expires_at"]) == kit.clock() + LIFETIME

    def test_a_ticket_expires_with_the_token_that_created_it(self, kit: Kit, http: Http) -> None:
        ends = kit.clock() + timedelta(seconds=10)
        answer = http.as_(kit.token(exp=int(ends.timestamp()))).post("/tickets").json_body
        assert datetime.fromisoformat(answer["expires_at"]).astimezone(UTC) == ends

    @pytest.mark.parametrize(
        "watch", ["none", "", "everything", "task:nope", "owner:ada", 7, None, "x" * 201]
    )
    def test_another_watch_is_refused(self, http: Http, watch: Any) -> None:
        answer = http.post("/tickets", {"watch": watch})
        assert answer.status_code == 422
        assert answer.json_body["errors"][0]["pointer"] == "/watch"

    def test_a_new_task_comes_with_a_ticket_to_watch_it(
        self, http: Http, handlers: Handlers, sockets: SocketServer
    ) -> None:
        task = http.post("/tasks", TASK).json_body
        assert connect(handlers, "c1", task["stream"]["ticket"]) == 200
        http.post("/tasks", TASK)
        handlers.push()
        assert {update["id"] for update in sockets.tasks("c1")} == {task["id"]}

    def test_a_caller_who_may_not_read_gets_no_ticket(self, kit: Kit, http: Http) -> None:
        answer = http.as_(kit.token("tasks:write")).post("/tasks", TASK)
        assert answer.status_code == 201
        assert answer.json_body["stream"] is None

    def test_a_task_is_returned_even_if_no_ticket_can_be_issued(self, kit: Kit, http: Http) -> None:
        """The task is stored: a 503 would make its client post it again."""
        kit.client("ssm").delete_parameter(Name=kit.settings.parameter("websocket-endpoint"))
        answer = http.post("/tasks", TASK)
        assert answer.status_code == 201
        assert answer.json_body["stream"] is None
        assert http.post("/tickets").status_code == 503


class TestConnecting:
    def test_one_ticket_is_one_connection(self, http: Http, handlers: Handlers) -> None:
        ticket = create_ticket(http)
        assert connect(handlers, "c1", ticket) == 200
        assert connect(handlers, "c2", ticket) == 401
        handlers.disconnect("c1")
        assert connect(handlers, "c3", ticket) == 401

    def test_one_of_two_concurrent_connections_is_accepted(self, kit: Kit, http: Http) -> None:
        ticket = kit.services.ticket_issuer.verify(create_ticket(http))

        def connect_at_once(number: int) -> bool:
            try:
                kit.services.connections.connect_with_ticket(f"c{number}", ticket, {})
            except Exception:
                return False
            return True

        with ThreadPoolExecutor(8) as threads:
            assert list(threads.map(connect_at_once, range(8))).count(True) == 1

    def test_an_outage_does_not_count_as_a_used_ticket(
        self, kit: Kit, http: Http, handlers: Handlers
    ) -> None:
        ticket = create_ticket(http)
        code = "TransactionCanceledException"
        throttled = {"CancellationReasons": [{"Code": "ThrottlingError"}, {"Code": "None"}, {"Code": "None"}]}

        def refuse() -> None:
            raise error_type(code)("TransactWriteItems", code, 400, throttled)

        Wire(kit.services).before("TransactWriteItems", refuse)
        assert connect(handlers, "c1", ticket) == 503
        assert connect(handlers, "c2", ticket) == 200

    def test_a_lost_reply_does_not_use_up_the_ticket(self, kit: Kit, http: Http, handlers: Handlers) -> None:
        ticket = create_ticket(http)
        Wire(kit.services).lose_reply("TransactWriteItems")
        assert connect(handlers, "c1", ticket) == 200

    @pytest.mark.parametrize(("seconds", "status"), [(59.9, 200), (60, 401), (3600, 401)])
    def test_it_must_be_used_within_a_minute(
        self, kit: Kit, http: Http, handlers: Handlers, seconds: float, status: int
    ) -> None:
        ticket = create_ticket(http)
        kit.clock.advance(seconds)
        assert connect(handlers, "c1", ticket) == status

    @pytest.mark.parametrize("watch", ["all", "none", "type:demo.sleep"])
    def test_a_ticket_for_all_may_watch_less(self, http: Http, handlers: Handlers, watch: str) -> None:
        assert connect(handlers, "c1", create_ticket(http), watch=watch) == 200

    @pytest.mark.parametrize("watch", ["all", "none", "type:demo.fail"])
    def test_a_narrow_ticket_allows_nothing_else(self, http: Http, handlers: Handlers, watch: str) -> None:
        ticket = create_ticket(http, "type:demo.sleep")
        assert connect(handlers, "c1", ticket, watch=watch) == 401
        assert connect(handlers, "c2", ticket, watch="type:demo.sleep") == 200

    def test_an_invalid_query_does_not_use_up_the_ticket(self, http: Http, handlers: Handlers) -> None:
        ticket = create_ticket(http)
        assert connect(handlers, "c1", ticket, batch="maybe") == 422
        assert connect(handlers, "c2", ticket) == 200


class TestWhatATicketForOneTaskAllows:
    @pytest.fixture
    def tasks(self, http: Http, handlers: Handlers, sockets: SocketServer) -> list[dict[str, Any]]:
        """Two tasks of one owner. The connection c1 watches the first."""
        tasks = [http.post("/tasks", TASK).json_body for _ in range(2)]
        assert connect(handlers, "c1", tasks[0]["stream"]["ticket"]) == 200
        handlers.push()
        sockets.take("c1")
        return tasks

    def test_its_updates_and_its_task(
        self, tasks: list[dict[str, Any]], http: Http, handlers: Handlers, sockets: SocketServer
    ) -> None:
        for task in tasks:
            http.post(f"/tasks/{task['id']}/cancel")
        handlers.push()
        handlers.send("c1", {"action": "subscribe", "task_id": tasks[0]["id"]})
        assert {update["id"] for update in sockets.tasks("c1")} == {tasks[0]["id"]}

    def test_no_subscription_to_another(
        self, tasks: list[dict[str, Any]], http: Http, handlers: Handlers, sockets: SocketServer
    ) -> None:
        handlers.send("c1", {"action": "subscribe", "task_id": tasks[1]["id"]})
        assert [frame.get("code") for frame in sockets.take("c1")] == ["not_found"]
        http.post(f"/tasks/{tasks[1]['id']}/cancel")
        handlers.push()
        assert sockets.take("c1") == []

    def test_no_sync_of_others_by_name_or_by_age(
        self, tasks: list[dict[str, Any]], handlers: Handlers, sockets: SocketServer
    ) -> None:
        versions = {task["id"]: 0 for task in tasks}
        handlers.send("c1", {"action": "sync", "tasks": versions, "since": tasks[0]["id"]})
        *updates, last = sockets.take("c1")
        assert [update["task"]["id"] for update in updates] == [tasks[0]["id"]]
        assert last == {"type": "synced", "more": False, "since": None}


class TestTheEndOfTheToken:
    """A connection ends with the token that opened it."""

    ends_after = 300

    @pytest.fixture(params=["token", "ticket"])
    def connected(self, request: pytest.FixtureRequest, kit: Kit, http: Http, handlers: Handlers) -> None:
        token = kit.token(exp=int(kit.clock().timestamp()) + self.ends_after)
        if request.param == "token":
            assert handlers.connect("c1", token=token) == 200
        else:
            assert connect(handlers, "c1", create_ticket(http.as_(token))) == 200

    @pytest.mark.usefixtures("connected")
    def test_no_update_is_sent_after_it_and_the_connection_is_closed(
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
    def test_no_response_is_sent_after_it(
        self, kit: Kit, handlers: Handlers, sockets: SocketServer, message: Any
    ) -> None:
        kit.clock.advance(self.ends_after)
        handlers.send("c1", message)
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
    def test_tickets_and_cursors_stay_valid_during_a_key_rotation(
        self, kit: Kit, http: Http, handlers: Handlers
    ) -> None:
        for _ in range(2):
            http.post("/tasks", TASK)
        ticket, cursor = create_ticket(http), http.get("/tasks?limit=1").json_body["next_cursor"]
        name = kit.settings.parameter("signing-keys")
        old = kit.client("ssm").get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]

        def rotate(keys: str) -> None:
            kit.client("ssm").put_parameter(Name=name, Value=keys, Type="SecureString", Overwrite=True)
            app.services().adapters.parameters._kept.clear()

        rotate(f"{'n' * 43},{old}")
        assert connect(handlers, "c1", ticket) == 200
        assert http.get(f"/tasks?limit=1&cursor={cursor}").status_code == 200
        rotate("n" * 43)
        assert http.get(f"/tasks?limit=1&cursor={cursor}").status_code == 400


def test_a_missing_parameter_is_logged_and_not_returned(kit: Kit, http: Http, printed: Printed) -> None:
    name = kit.settings.parameter("signing-keys")
    kit.client("ssm").delete_parameter(Name=name)
    answer = http.post("/tickets")
    assert (answer.status_code, answer.json_body["code"]) == (503, "unavailable")
    assert name not in answer.body.decode()
    assert "SSM" not in answer.body.decode()
    (line,) = [line for line in printed() if line.get("action") == "request_refused"]
    assert name in line["reason"]


def test_a_throttled_table_refuses_connections(kit: Kit, http: Http, handlers: Handlers) -> None:
    ticket = create_ticket(http)
    Wire(kit.services).refuse("Query")
    assert connect(handlers, "c1", ticket) == 503
    with pytest.raises(ClientError):
        kit.client("dynamodb").describe_table(TableName="nope")
    assert kit.services.adapters.connection_table.watchers(kit.owner, kit.clock()) == []
