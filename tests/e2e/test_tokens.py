"""Tokens and tickets on the deployed stage, as a browser and a stranger meet them."""

from __future__ import annotations

import json

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.e2e.conftest import PATIENCE_SECONDS, Service

SLEEP = {"type": "demo.sleep", "payload": {"seconds": 0.2, "steps": 1}}


def test_a_browser_watches_its_new_task_with_the_ticket_that_came_with_it(service: Service) -> None:
    """Given a new task's stream block, when its URL is opened without any header, then its updates come."""
    made = service.call("POST", "/tasks", {**SLEEP, "delay_seconds": 2}).json
    with connect(made["stream"]["url"], proxy=None, open_timeout=PATIENCE_SECONDS) as socket:
        service.post("demo.sleep", {"seconds": 0})  # which this ticket does not show
        seen = []
        while not seen or seen[-1]["status"] != "succeeded":
            seen.append(json.loads(socket.recv(PATIENCE_SECONDS))["task"])
    assert {task["id"] for task in seen} == {made["id"]}
    with pytest.raises(InvalidStatus):
        connect(made["stream"]["url"], proxy=None, open_timeout=PATIENCE_SECONDS)


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer nonsense"}])
def test_a_stranger_is_kept_out(service: Service, header: dict[str, str]) -> None:
    answer = service.call("GET", "/tasks", headers={"Authorization": "", **header})
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    with pytest.raises(InvalidStatus):
        connect(service.endpoints.websocket, additional_headers=header, proxy=None)


@pytest.mark.parametrize(("method", "path"), [("GET", "/nowhere"), ("PATCH", "/tasks")])
def test_the_gateways_own_refusal_looks_like_ours(service: Service, method: str, path: str) -> None:
    answer = service.call(method, path)
    assert answer.status == 403
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.json["code"] == "no_such_route"


def test_another_owner_sees_nothing(service: Service) -> None:
    task = service.post("demo.sleep", {"seconds": 0})
    token = service.stage.token("mallory", ("tasks:read", "tasks:write"))
    header = {"Authorization": f"Bearer {token}"}
    assert service.call("GET", f"/tasks/{task['id']}", headers=header).status == 404
    assert service.call("GET", "/tasks", headers=header).json["tasks"] == []
