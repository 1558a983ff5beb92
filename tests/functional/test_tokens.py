"""Every route asks for a token and a scope, before it looks at anything else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from chalice.test import HTTPResponse

import app
from chalicelib.domain.caller import Scope
from chalicelib.domain.ids import new_task_id
from tests.functional.conftest import Handlers, Http
from tests.kit import Kit
from tests.sockets import SocketServer

READ, WRITE, ADMIN = Scope
TASK = {"type": "demo.sleep", "payload": {"seconds": 1}}
#: (method, path, body, scope): one row for each route that needs a token.
ROUTES = [
    ("POST", "/tasks", TASK, WRITE),
    ("POST", "/tasks/batch", {"tasks": [TASK]}, WRITE),
    ("GET", "/tasks", None, READ),
    ("GET", "/tasks/{task_id}", None, READ),
    ("DELETE", "/tasks/{task_id}", None, WRITE),
    ("POST", "/tasks/{task_id}/cancel", None, WRITE),
    ("POST", "/tasks/{task_id}/retry", None, WRITE),
    ("POST", "/tickets", {"watch": "all"}, READ),
    ("GET", "/task-types", None, READ),
    ("GET", "/stats", None, ADMIN),
]
OPEN = {("GET", "/health")}
ids = [f"{method} {path}" for method, path, _, _ in ROUTES]
pytestmark = pytest.mark.usefixtures("sockets")


def call(http: Http, method: str, path: str, body: Any, task_id: str, **headers: str) -> HTTPResponse:
    raw = b"" if body is None else json.dumps(body).encode()
    together = http._headers({"content-type": "application/json", **headers})
    return http.client.http.request(method, path.format(task_id=task_id), headers=together, body=raw)


@pytest.fixture
def task_id(kit: Kit) -> str:
    return str(kit.create("demo.sleep", {"seconds": 1})["id"])


def test_no_route_is_left_out() -> None:
    """A new route needs a row above, or a reason to be open."""
    declared = {
        (method, path)
        for path, methods in app.app.routes.items()
        for method in methods
        if method != "OPTIONS"
    }
    assert declared == {(method, path) for method, path, _, _ in ROUTES} | OPEN


@pytest.mark.parametrize(("method", "path", "body", "needed"), ROUTES, ids=ids)
class TestEveryRoute:
    @pytest.mark.parametrize("held", [(), (READ,), (WRITE,), (ADMIN,)], ids=lambda held: "+".join(held))
    def test_lets_in_who_holds_its_scope(
        self,
        kit: Kit,
        http: Http,
        task_id: str,
        method: str,
        path: str,
        body: Any,
        needed: Scope,
        held: tuple[Scope, ...],
    ) -> None:
        token = kit.token(*(held or ("openid",)))
        answer = call(http.as_(token), method, path, body, task_id)
        if needed in held or ADMIN in held:
            assert answer.status_code < 300 or answer.json_body["code"] == "transition_not_allowed"
        else:
            assert answer.status_code == 403
            assert answer.json_body["code"] == "forbidden"
            assert needed.value in answer.json_body["detail"]

    def test_refuses_who_has_no_token_before_it_looks_at_anything(
        self, http: Http, task_id: str, method: str, path: str, body: Any, needed: Scope
    ) -> None:
        for tried_id in (task_id, new_task_id_of_nobody(), "nonsense"):
            for content_type in ("application/json", "text/plain"):
                answer = call(http, method, path, body, tried_id, authorization="", content_type=content_type)
                assert answer.status_code == 401
                assert answer.headers["WWW-Authenticate"].startswith("Bearer")
                assert answer.headers["Content-Type"] == "application/problem+json"

    def test_takes_no_token_from_the_query(
        self, kit: Kit, http: Http, task_id: str, method: str, path: str, body: Any, needed: Scope
    ) -> None:
        for name in ("token", "access_token", "authorization", "Authorization"):
            tried = f"{path}?{name}={kit.token()}"
            assert call(http, method, tried, body, task_id, authorization="").status_code == 401

    def test_answers_with_the_headers_that_keep_browsers_safe(
        self, http: Http, task_id: str, method: str, path: str, body: Any, needed: Scope
    ) -> None:
        for token in (http.token, "nonsense"):
            answer = call(http.as_(token), method, path, body, task_id)
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Strict-Transport-Security"].startswith("max-age=")
            assert answer.headers["Cache-Control"] == "no-store"

    def test_acts_for_another_owner_only_when_an_administrator_asks(
        self, kit: Kit, http: Http, task_id: str, method: str, path: str, body: Any, needed: Scope
    ) -> None:
        asked = f"{path}?owner=default"
        nosy = http.as_(kit.token(READ, WRITE, owner="mallory"))
        assert call(nosy, method, asked, body, task_id).status_code == 403
        admin = http.as_(kit.token(ADMIN, owner="root"))
        answer = call(admin, method, asked, body, task_id)
        assert answer.status_code < 300 or answer.json_body["code"] == "transition_not_allowed"


def new_task_id_of_nobody() -> str:
    from tests.examples import NOW  # noqa: PLC0415

    return new_task_id(NOW, 7, 4)


class TestHealth:
    def test_needs_no_token_and_tells_nothing_of_tasks(self, http: Http) -> None:
        answer = http.get("/health", authorization="")
        assert answer.status_code == 200
        assert set(answer.json_body) == {"status", "stage"}


class TestAdministrators:
    @pytest.mark.parametrize("owner", ["", "a%23b", "x" * 129, "a%0Ab"])
    def test_name_an_owner_that_can_be(self, http: Http, owner: str) -> None:
        answer = http.get(f"/tasks?owner={owner}")
        assert answer.status_code == 422
        assert answer.json_body["errors"][0]["pointer"] == "/owner"

    def test_see_and_change_the_tasks_of_the_owner_they_name(
        self, kit: Kit, http: Http, task_id: str
    ) -> None:
        admin = http.as_(kit.token(ADMIN, owner="root"))
        assert admin.get(f"/tasks/{task_id}").status_code == 404
        assert admin.get(f"/tasks/{task_id}?owner=default").json_body["id"] == task_id
        assert [each["id"] for each in admin.get("/tasks?owner=default").json_body["tasks"]] == [task_id]
        assert admin.post(f"/tasks/{task_id}/cancel?owner=default").json_body["status"] == "canceled"

    def test_connect_for_the_owner_they_name(
        self, kit: Kit, http: Http, handlers: Handlers, sockets: SocketServer
    ) -> None:
        assert handlers.connect("c1", token=kit.token(ADMIN, owner="root"), owner="ada") == 200
        assert handlers.connect("c2", token=kit.token(READ, owner="mallory"), owner="ada") == 403
        assert handlers.connect("c3", token=kit.token(ADMIN, owner="root"), owner="a#b") == 422
        http.as_(kit.token(owner="ada")).post("/tasks", TASK)
        handlers.push()
        assert len(sockets.tasks("c1")) == 1


class TestWithoutTokens:
    """AUTH=off: everybody is the administrator of the default owner, on the local stage."""

    @pytest.fixture
    def kit(self) -> Any:
        from chalicelib import bootstrap  # noqa: PLC0415

        with Kit(auth="off") as kit:
            bootstrap.install(kit.services)
            yield kit

    def test_nobody_is_asked_for_one(self, http: Http, handlers: Handlers) -> None:
        created = http.post("/tasks", TASK, authorization="")
        assert created.status_code == 201
        assert http.get(f"/tasks/{created.json_body['id']}", authorization="").status_code == 200
        assert http.get("/stats", authorization="").status_code == 200
        assert handlers.connect("c1", token="") == 200
