"""Every route asks for a token and a scope, before it looks at anything else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from chalice.test import HTTPResponse

import app
from chalicelib import bootstrap
from chalicelib.aws.dynamodb.redrive_table import RedriveTable
from chalicelib.domain.caller import Scope
from chalicelib.domain.ids import new_task_id
from chalicelib.domain.redrive import Action, Redrive, RedriveFilter
from chalicelib.http.openapi.operations import PAGES
from testing.kit import Kit
from tests.functional.conftest import Handlers, Http
from tests.support.examples import KEEP, NOW

READ, WRITE, ADMIN = Scope
TASK = {"type": "demo.sleep", "payload": {"seconds": 1}}
UNKNOWN_ID = new_task_id(NOW, 7, 4)


@dataclass(frozen=True)
class Route:
    """A route, with a body that it takes and the scope that it asks for."""

    method: str
    path: str
    scope: Scope
    body: Any = None
    declared: str = ""  #: as app.py has it, where that differs

    def call(self, http: Http, task_id: str, query: str = "", **headers: str) -> HTTPResponse:
        raw = b"" if self.body is None else json.dumps(self.body).encode()
        return http.request(
            self.method, self.path.format(task_id=task_id, redrive_id=REDRIVE_ID) + query, raw, **headers
        )


#: One for each route that needs a token.
ROUTES = [
    Route("POST", "/tasks", WRITE, TASK),
    Route("POST", "/tasks/batch", WRITE, {"tasks": [TASK]}),
    Route("GET", "/tasks", READ),
    Route("GET", "/tasks/{task_id}", READ),
    Route("DELETE", "/tasks/{task_id}", WRITE),
    Route("GET", "/tasks/{task_id}/explain", READ),
    Route("POST", "/tasks/{task_id}/cancel", WRITE),
    Route("POST", "/tasks/{task_id}/retry", WRITE),
    Route("POST", "/tickets", READ, {"watch": "all"}),
    Route("GET", "/task-types", READ),
    Route("POST", "/task-types/demo.fail/pause", ADMIN, {"reason": "test"}, "/task-types/{name}/pause"),
    Route("POST", "/task-types/demo.fail/resume", ADMIN, None, "/task-types/{name}/resume"),
    Route("GET", "/dead-letters", ADMIN),
    Route("POST", "/redrives", WRITE, {"filter": {"type": "demo.fail"}}),
    Route("GET", "/redrives", READ),
    Route("GET", "/redrives/{redrive_id}", READ),
    Route("POST", "/redrives/{redrive_id}/abort", WRITE),
    Route("GET", "/stats", ADMIN),
]
REDRIVE_ID = "019c13ec-9e00-7000-8000-000000000001"
OPEN = {("GET", path) for path in ("/health", "/openapi.json", *PAGES)}


@pytest.fixture(scope="module")
def shared() -> Iterator[Kit]:
    """One stage for all: what is refused leaves nothing behind."""
    with Kit() as kit:
        kit.client("ssm").put_parameter(
            Name=kit.settings.parameter("websocket-endpoint"), Value="https://ws.example", Type="String"
        )
        RedriveTable(kit.client("dynamodb"), kit.settings.resource("tasks"), KEEP).create(
            Redrive(
                id=REDRIVE_ID,
                owner=kit.owner,
                action=Action.RETRY,
                filter=RedriveFilter(tag="none"),
                rate=1,
                created_at=NOW,
                updated_at=NOW,
            ),
            NOW,
            None,
        )
        yield kit


@pytest.fixture
def kit(shared: Kit) -> Kit:
    bootstrap.install(shared.services)
    return shared


@pytest.fixture
def task_id(kit: Kit) -> str:
    return str(kit.create("demo.sleep", {"seconds": 1})["id"])


def let_through(answer: HTTPResponse) -> bool:
    """Was it done, or refused for the state of a task that the caller may know?"""
    return bool(answer.status_code < 300 or answer.json_body["code"] == "transition_not_allowed")


def test_no_route_is_left_out() -> None:
    """A new route needs a row above, or a reason to be open."""
    declared = {(method, path) for path, methods in app.app.routes.items() for method in methods}
    ours = {(method, path) for method, path in declared if method != "OPTIONS"}
    assert ours == {(route.method, route.declared or route.path) for route in ROUTES} | OPEN


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
class TestEveryRoute:
    @pytest.mark.parametrize("held", ["openid", READ, WRITE, ADMIN])
    def test_lets_in_who_holds_its_scope(
        self, kit: Kit, http: Http, task_id: str, route: Route, held: str
    ) -> None:
        answer = route.call(http.as_(kit.token(held)), task_id)
        if held in (route.scope, ADMIN):
            assert let_through(answer)
        else:
            assert (answer.status_code, answer.json_body["code"]) == (403, "forbidden")
            assert route.scope.value in answer.json_body["detail"]

    @pytest.mark.parametrize(
        ("tried_id", "content_type"),
        [(None, "application/json"), (UNKNOWN_ID, "application/json"), ("nonsense", "text/plain")],
    )
    def test_refuses_who_has_no_token_before_it_looks_at_anything(
        self, http: Http, task_id: str, route: Route, tried_id: str | None, content_type: str
    ) -> None:
        answer = route.call(http, tried_id or task_id, authorization="", content_type=content_type)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert answer.headers["Content-Type"] == "application/problem+json"

    def test_takes_no_token_from_the_query(self, kit: Kit, http: Http, task_id: str, route: Route) -> None:
        names = ["token", "access_token", "authorization", "Authorization"]
        query = "&".join(f"{name}={kit.token()}" for name in names)
        assert route.call(http, task_id, f"?{query}", authorization="").status_code == 401

    @pytest.mark.parametrize("good", [True, False], ids=["good token", "bad token"])
    def test_answers_with_the_headers_that_keep_browsers_safe(
        self, kit: Kit, http: Http, task_id: str, route: Route, good: bool
    ) -> None:
        answer = route.call(http.as_(kit.token() if good else "nonsense"), task_id)
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Strict-Transport-Security"].startswith("max-age=")
        assert answer.headers["Cache-Control"] == "no-store"

    def test_acts_for_another_owner_only_when_an_administrator_asks(
        self, kit: Kit, http: Http, task_id: str, route: Route
    ) -> None:
        nosy = http.as_(kit.token(READ, WRITE, owner="mallory"))
        assert route.call(nosy, task_id, "?owner=default").status_code == 403
        assert let_through(route.call(http.as_(kit.token(ADMIN, owner="root")), task_id, "?owner=default"))


class TestHealth:
    def test_needs_no_token_and_tells_nothing_of_tasks(self, http: Http) -> None:
        answer = http.get("/health", authorization="")
        assert answer.status_code == 200
        assert set(answer.json_body) == {"status", "stage"}


class TestAdministrators:
    @pytest.mark.parametrize("owner", ["", "a%23b", "x" * 129, "a%0Ab"])
    def test_name_an_owner_that_can_be(self, kit: Kit, http: Http, owner: str) -> None:
        answer = http.as_(kit.token(ADMIN)).get(f"/tasks?owner={owner}")
        assert answer.status_code == 422
        assert answer.json_body["errors"][0]["pointer"] == "/owner"

    def test_see_and_change_the_tasks_of_the_owner_they_name(self, kit: Kit, http: Http) -> None:
        task_id = http.as_(kit.token(owner="carol")).post("/tasks", TASK).json_body["id"]
        admin = http.as_(kit.token(ADMIN, owner="root"))
        assert admin.get(f"/tasks/{task_id}").status_code == 404
        assert admin.get(f"/tasks/{task_id}?owner=carol").json_body["id"] == task_id
        assert [each["id"] for each in admin.get("/tasks?owner=carol").json_body["tasks"]] == [task_id]
        assert admin.post(f"/tasks/{task_id}/cancel?owner=carol").json_body["status"] == "canceled"

    def test_connect_for_the_owner_they_name(self, kit: Kit, handlers: Handlers) -> None:
        assert handlers.connect("c1", token=kit.token(ADMIN, owner="root"), owner="ada") == 200
        assert handlers.connect("c2", token=kit.token(READ, owner="mallory"), owner="ada") == 403
        assert handlers.connect("c3", token=kit.token(ADMIN, owner="root"), owner="a#b") == 422
        watchers = kit.services.adapters.connection_table.watchers("ada", kit.clock())
        assert [(each.id, each.subject) for each in watchers] == [("c1", "root")]
