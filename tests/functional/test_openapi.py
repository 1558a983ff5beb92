"""GET /openapi.json, and the responses that it describes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from chalice.test import HTTPResponse
from jsonschema import Draft202012Validator, FormatChecker

from chalicelib.http.openapi.document import document
from chalicelib.http.openapi.operations import OPERATIONS
from chalicelib.settings import VERSION
from testing.kit import Kit
from tests.functional.conftest import Handlers, Http
from tests.support.dead_letters import failed_task
from tests.support.scripted_types import Script

DOCUMENT = document(VERSION)
FAST = {"type": "test.fast"}


class TestDocument:
    def test_everybody_may_read_it(self, http: Http) -> None:
        answer = http.get("/openapi.json", authorization="")
        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.json_body == DOCUMENT

    def test_a_caller_with_the_document_gets_304(self, http: Http) -> None:
        answer = http.get("/openapi.json")
        again = http.get("/openapi.json", if_none_match=answer.headers["ETag"])
        assert (again.status_code, again.body) == (304, b"")
        assert again.headers["Cache-Control"] == "no-cache"


class Checked:
    """The HTTP API. Validates each response by the document and records the operations."""

    def __init__(self, http: Http) -> None:
        self._http = http
        self.answered: set[str] = set()

    def call(self, name: str, path: str = "", body: Any = None, **headers: str) -> HTTPResponse:
        (operation,) = [each for each in OPERATIONS if each.name == name]
        send: Callable[..., HTTPResponse] = getattr(self._http, operation.method)
        sent = (body,) if operation.method == "post" else ()
        answer = send(path or operation.path, *sent, **headers)
        documented = DOCUMENT["paths"][operation.path][operation.method]["responses"]
        assert str(answer.status_code) in documented, answer.body
        content = _resolved(documented[str(answer.status_code)]).get("content")
        if content is None:
            assert answer.body == b""
        else:
            (media,) = content
            assert answer.headers.get("Content-Type", "application/json") == media
            schema = {**content[media]["schema"], "components": DOCUMENT["components"]}
            Draft202012Validator(schema, format_checker=FormatChecker()).validate(answer.json_body)
            self.answered.add(name)
        return answer


def _resolved(answer: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in answer:
        return answer
    response: dict[str, Any] = DOCUMENT["components"]["responses"][answer["$ref"].rpartition("/")[2]]
    return response


@pytest.fixture
def checked(admin: Http, kit: Kit) -> Checked:
    kit.client("ssm").put_parameter(
        Name=kit.settings.parameter("websocket-endpoint"), Value="https://ws.example", Type="String"
    )
    return Checked(admin)


def test_every_response_matches_the_document(
    checked: Checked, kit: Kit, handlers: Handlers, script: Script
) -> None:
    dead = failed_task(kit, handlers, script)
    handlers.watch_dead_letters()
    call = checked.call
    task = call("create_task", body=FAST, idempotency_key="one", prefer="wait=0").json_body
    call("create_task", body=FAST, idempotency_key="one")
    call("create_task", body={"type": "nope"})
    call("create_tasks", body={"tasks": [FAST, {"type": "nope"}, 7]})
    call("list_tasks", "/tasks?status=failed")
    call("list_tasks", "/tasks?cursor=nonsense")
    call("list_tasks", authorization="")
    call("get_task", f"/tasks/{dead['id']}")
    call("get_task", f"/tasks/{dead['id']}", if_none_match='"v4"')
    call("get_task", "/tasks/nope")
    call("explain_task", f"/tasks/{task['id']}/explain")
    call("explain_task", f"/tasks/{dead['id']}/explain")
    groups = call("list_dead_letters").json_body["groups"]
    call("list_dead_letters", f"/dead-letters?group={groups[0]['id']}")
    kit.clock.advance(1)
    call("create_redrive", body={"filter": FAST, "dry_run": True})
    redrive = call("create_redrive", body={"filter": FAST}).json_body
    call("create_redrive", body={})
    call("get_redrive", f"/redrives/{redrive['id']}")
    call("abort_redrive", f"/redrives/{redrive['id']}/abort")
    call("list_redrives")
    call("cancel_task", f"/tasks/{task['id']}/cancel")
    call("retry_task", f"/tasks/{task['id']}/retry")
    call("retry_task", f"/tasks/{task['id']}/retry")
    call("delete_task", f"/tasks/{task['id']}")
    call("create_ticket", body={"watch": "all"})
    call("pause_task_type", "/task-types/test.fast/pause", body={"reason": "test"})
    call("list_task_types")
    call("resume_task_type", "/task-types/test.fast/resume")
    handlers.push()
    call("get_stats")
    call("get_health")
    call("get_openapi")
    assert checked.answered == {operation.name for operation in OPERATIONS}
