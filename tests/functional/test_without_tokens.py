"""AUTH=off: on the local stage, every caller is the administrator of the default owner."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from chalicelib import bootstrap
from testing.kit import Kit
from tests.functional.conftest import Handlers, Http


@pytest.fixture
def kit() -> Iterator[Kit]:
    with Kit(auth="off") as kit:
        bootstrap.install(kit.services)
        yield kit


def test_no_token_is_needed(http: Http, handlers: Handlers) -> None:
    created = http.post("/tasks", {"type": "demo.sleep", "payload": {"seconds": 1}}, authorization="")
    assert created.status_code == 201
    assert http.get(f"/tasks/{created.json_body['id']}", authorization="").status_code == 200
    assert http.get("/stats", authorization="").status_code == 200
    assert handlers.connect("c1", token="") == 200


def test_an_invalid_token_is_ignored(http: Http) -> None:
    assert http.get("/tasks", authorization="Bearer nonsense").status_code == 200
