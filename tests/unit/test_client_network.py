"""Both clients on a real network: HTTP, WebSockets and their errors."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import islice
from typing import Any

import pytest

from task_service_client import AsyncClient, Client, Retries, Unreachable, WaitTimeout, __version__
from task_service_client._base_client import Operations
from tests.support.client_kinds import opened
from tests.support.effect_player import SYNCED, TASK_ID, frame, task
from tests.support.http_server import Answer, HttpServer, RawServer, raw
from tests.support.websocket_scripts import RECEIVE, STAY, ScriptedSockets

FAST = Retries(tries=2, base_seconds=0.01)


def answer(body: Any, status: int = 200, **headers: str) -> Answer:
    """A JSON response."""
    return Answer(status, json.dumps(body).encode(), headers)


@pytest.fixture(params=["blocking", "awaiting"])
def client_of(request: pytest.FixtureRequest) -> Iterator[Callable[..., Any]]:
    """A function that opens a client; the test runs once with each kind."""
    contexts = []

    def open_client(url: str, **options: Any) -> Any:
        context = opened(request.param, url, "secret", retries=FAST, **options)
        contexts.append(context)
        return context.__enter__()

    yield open_client
    for context in contexts:
        context.__exit__(None, None, None)


class TestHttp:
    def test_a_request_has_the_path_the_owner_and_the_token(self, client_of: Callable[..., Any]) -> None:
        with HttpServer(answer({**task(1), "id": "a/b"})) as server:
            client_of(server.url("/stage/"), owner="ada").get("a/b")
        (received,) = server.requests
        assert received.path == "/stage/tasks/a%2Fb?owner=ada"
        assert received.headers["authorization"] == "Bearer secret"
        assert received.headers["user-agent"] == f"task-service-client/{__version__}"

    def test_a_body_is_json(self, client_of: Callable[..., Any]) -> None:
        with HttpServer(answer(task(1), 201)) as server:
            client_of(server.url()).create("demo.sleep", {"text": "é"})
        (received,) = server.requests
        assert received.headers["content-type"] == "application/json"
        assert json.loads(received.body)["payload"] == {"text": "é"}

    def test_a_failed_read_is_retried(self, client_of: Callable[..., Any]) -> None:
        with HttpServer(answer({}, 503), answer(task(1))) as server:
            assert client_of(server.url()).get(TASK_ID).version == 1
        assert len(server.requests) == 2

    def test_a_refused_connection_is_one_sentence(self, client_of: Callable[..., Any]) -> None:
        with HttpServer() as server:
            url = server.url()
        with pytest.raises(Unreachable, match="does not answer") as caught:
            client_of(url).get(TASK_ID)
        assert caught.value.unsent

    def test_a_request_with_a_lost_response_counts_as_sent(self, client_of: Callable[..., Any]) -> None:
        with RawServer(raw(b"")) as server, pytest.raises(Unreachable) as caught:
            client_of(server.url()).get(TASK_ID)
        assert not caught.value.unsent

    def test_pages_are_read_one_by_one(self, client_of: Callable[..., Any]) -> None:
        pages = [{"tasks": [task(number)], "next_cursor": f"c{number}"} for number in (1, 2)]
        last = {"tasks": [], "next_cursor": None}
        with HttpServer(*map(answer, [*pages, last])) as server:
            assert [each.version for each in client_of(server.url()).list()] == [1, 2]
        assert server.requests[1].path == "/tasks?limit=100&cursor=c1"


class TestWebSockets:
    def test_a_watch_continues_after_a_lost_connection(self, client_of: Callable[..., Any]) -> None:
        """Given a connection that is cut, the next one syncs the missed updates."""
        first = [frame(task(1)), frame(task(2))]
        second = [RECEIVE, frame(task(7)), SYNCED, frame(task(8)), STAY]
        with ScriptedSockets(first, second) as sockets, HttpServer(_ticket(sockets)) as server:
            with closing(client_of(server.url()).watch()) as updates:
                assert [each.version for each in islice(updates, 4)] == [1, 2, 7, 8]
            assert sockets.left.wait(10), "closing the iterator closes the WebSocket"
        assert json.loads(sockets.received[0])["tasks"] == {TASK_ID: 2}

    def test_a_wait_closes_its_connection(self, client_of: Callable[..., Any]) -> None:
        script = [RECEIVE, SYNCED, frame(task(2)), frame(task(3, "succeeded", result=7)), STAY]
        with ScriptedSockets(script) as sockets:
            with HttpServer(answer(task(1)), _ticket(sockets)) as server:
                assert client_of(server.url()).wait(TASK_ID).result == 7
            assert sockets.left.wait(10)
        assert sockets.paths == ["/?ticket=t&batch=1"]

    def test_a_wait_without_websockets_polls(self, client_of: Callable[..., Any]) -> None:
        with ScriptedSockets() as sockets:
            failed = [answer(task(1)), _ticket(sockets)]
            applied = {"preference-applied": "wait=20"}
            answers = [*failed, *failed, answer(task(1)), answer(task(2, "succeeded"), **applied)]
            with HttpServer(*answers) as server:
                assert client_of(server.url()).wait(TASK_ID).version == 2
        assert server.requests[-1].headers["prefer"] == "wait=20"

    def test_a_timeout_ends_a_wait_on_an_idle_connection(self, client_of: Callable[..., Any]) -> None:
        with (
            ScriptedSockets([RECEIVE, SYNCED, STAY]) as sockets,
            HttpServer(answer(task(1)), _ticket(sockets)) as server,
            pytest.raises(WaitTimeout),
        ):
            client_of(server.url()).wait(TASK_ID, timeout=0.2)


def _ticket(sockets: ScriptedSockets) -> Answer:
    return answer({"url": sockets.url}, 201)


class TestBothClients:
    def test_they_have_the_same_methods(self) -> None:
        def public(kind: type) -> set[str]:
            return {name for name in vars(kind) if not name.startswith("_")}

        assert public(Client) == public(AsyncClient)

    def test_each_operation_is_a_method_with_its_docstring(self) -> None:
        operations = {name for name in dir(Operations) if not name.startswith("_")}
        for name in operations:
            for kind in (Client, AsyncClient):
                assert getattr(kind, name).__doc__ == getattr(Operations, name).__doc__
