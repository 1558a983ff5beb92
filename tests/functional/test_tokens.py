"""Every route with a scope refuses a request without a token before it reads anything else of it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from chalice.test import HTTPResponse

import app
from chalicelib import bootstrap
from chalicelib.aws.dynamodb.redrive_table import RedriveTable
from chalicelib.domain.caller import Scope
from chalicelib.domain.ids import new_task_id
from chalicelib.domain.redrive import Action, Redrive, RedriveFilter
from chalicelib.http.openapi.operations import OPERATIONS, Operation
from testing.kit import Kit
from tests.functional.conftest import Handlers, Http
from tests.support.examples import KEEP, NOW
from tests.support.page_routes import PAGE_ROUTES

READ, WRITE, ADMIN = Scope
TASK = {"type": "demo.sleep", "payload": {"seconds": 1}}
UNKNOWN_ID = new_task_id(NOW, 7, 4)


REDRIVE_ID = "019c13ec-9e00-7000-8000-000000000001"
GUARDED = [operation for operation in OPERATIONS if operation.scope is not None]


def call(operation: Operation, http: Http, task_id: str, query: str = "", **headers: str) -> HTTPResponse:
    """The response to the operation's first example."""
    path = operation.path.format(task_id=task_id, redrive_id=REDRIVE_ID, name="demo.fail")
    body = next(iter(operation.examples.values()), None)
    raw = b"" if body is None else json.dumps(body).encode()
    return http.request(operation.method.upper(), path + query, raw, **headers)


@pytest.fixture(scope="module")
def shared() -> Iterator[Kit]:
    """One stage for all tests, because refused requests leave nothing behind."""
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


def allowed(answer: HTTPResponse) -> bool:
    """Was the request accepted, or refused only for the state of a task that the caller may read?"""
    return bool(answer.status_code < 300 or answer.json_body["code"] == "transition_not_allowed")


def test_only_pages_health_and_the_document_need_no_token() -> None:
    routes = {(method, path) for path, methods in app.app.routes.items() for method in methods}
    guarded = {(operation.method.upper(), operation.path) for operation in GUARDED}
    open_to_all = {(method, path) for method, path in routes if method != "OPTIONS"} - guarded
    assert open_to_all == {("GET", path) for path in ("/health", "/openapi.json", *PAGE_ROUTES)}


@pytest.mark.parametrize("operation", GUARDED, ids=lambda operation: operation.name)
class TestEveryRoute:
    @pytest.mark.parametrize("held", ["openid", READ, WRITE, ADMIN])
    def test_allows_callers_with_its_scope(
        self, kit: Kit, http: Http, task_id: str, operation: Operation, held: str
    ) -> None:
        answer = call(operation, http.as_(kit.token(held)), task_id)
        assert operation.scope is not None
        if held in (operation.scope, ADMIN):
            assert allowed(answer)
        else:
            assert (answer.status_code, answer.json_body["code"]) == (403, "forbidden")
            assert operation.scope.value in answer.json_body["detail"]

    @pytest.mark.parametrize(
        ("tried_id", "content_type"),
        [(None, "application/json"), (UNKNOWN_ID, "application/json"), ("nonsense", "text/plain")],
    )
    def test_refuses_a_request_without_a_token_before_it_reads_the_rest(
        self, http: Http, task_id: str, operation: Operation, tried_id: str | None, content_type: str
    ) -> None:
        answer = call(operation, http, tried_id or task_id, authorization="", content_type=content_type)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert answer.headers["Content-Type"] == "application/problem+json"

    def test_takes_no_token_from_the_query(
        self, kit: Kit, http: Http, task_id: str, operation: Operation
    ) -> None:
        names = ["token", "access_token", "authorization", "Authorization"]
        query = "&".join(f"{name}={kit.token()}" for name in names)
        assert call(operation, http, task_id, f"?{query}", authorization="").status_code == 401

    @pytest.mark.parametrize("valid", [True, False], ids=["valid token", "invalid token"])
    def test_answers_with_security_headers(
        self, kit: Kit, http: Http, task_id: str, operation: Operation, valid: bool
    ) -> None:
        answer = call(operation, http.as_(kit.token() if valid else "nonsense"), task_id)
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Strict-Transport-Security"].startswith("max-age=")
        assert answer.headers["Cache-Control"] == "no-store"

    def test_acts_for_another_owner_for_administrators_only(
        self, kit: Kit, http: Http, task_id: str, operation: Operation
    ) -> None:
        mallory = http.as_(kit.token(READ, WRITE, owner="mallory"))
        assert call(operation, mallory, task_id, "?owner=default").status_code == 403
        assert allowed(call(operation, http.as_(kit.token(ADMIN, owner="root")), task_id, "?owner=default"))


class TestHealth:
    def test_needs_no_token_and_returns_nothing_about_tasks(self, http: Http) -> None:
        answer = http.get("/health", authorization="")
        assert answer.status_code == 200
        assert set(answer.json_body) == {"status", "stage"}


class TestAdministrators:
    @pytest.mark.parametrize("owner", ["", "a%23b", "x" * 129, "a%0Ab"])
    def test_must_name_a_valid_owner(self, kit: Kit, http: Http, owner: str) -> None:
        answer = http.as_(kit.token(ADMIN)).get(f"/tasks?owner={owner}")
        assert answer.status_code == 422
        assert answer.json_body["errors"][0]["pointer"] == "/owner"

    def test_read_and_change_the_tasks_of_the_owner_that_they_name(self, kit: Kit, http: Http) -> None:
        task_id = http.as_(kit.token(owner="carol")).post("/tasks", TASK).json_body["id"]
        admin = http.as_(kit.token(ADMIN, owner="root"))
        assert admin.get(f"/tasks/{task_id}").status_code == 404
        assert admin.get(f"/tasks/{task_id}?owner=carol").json_body["id"] == task_id
        assert [each["id"] for each in admin.get("/tasks?owner=carol").json_body["tasks"]] == [task_id]
        assert admin.post(f"/tasks/{task_id}/cancel?owner=carol").json_body["status"] == "canceled"

    def test_connect_for_the_owner_that_they_name(self, kit: Kit, handlers: Handlers) -> None:
        assert handlers.connect("c1", token=kit.token(ADMIN, owner="root"), owner="ada") == 200
        assert handlers.connect("c2", token=kit.token(READ, owner="mallory"), owner="ada") == 403
        assert handlers.connect("c3", token=kit.token(ADMIN, owner="root"), owner="a#b") == 422
        watchers = kit.services.adapters.connection_table.watchers("ada", kit.clock())
        assert [(each.id, each.subject) for each in watchers] == [("c1", "root")]
