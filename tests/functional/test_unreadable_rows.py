"""An unreadable row, as after a rollback, does not hide other rows."""

from __future__ import annotations

import pytest

from testing.kit import Kit
from tests.conftest import Printed
from tests.functional.conftest import Handlers, Http
from tests.support.aws_state import break_row
from tests.support.scripted_types import Script
from tests.support.sockets import SocketServer


@pytest.fixture
def ids(kit: Kit, script: Script) -> list[str]:
    """The ids of three tasks, oldest first. The row of the second is unreadable."""
    ids = []
    for _ in range(3):
        ids.append(kit.create("test.fast")["id"])
        kit.clock.advance(1)
    break_row(kit, ids[1])
    return ids


def unreadable(printed: Printed) -> list[str]:
    lines = [line for line in printed() if line.get("action") == "row_unreadable"]
    assert all(line["level"] == "ERROR" and "of newer code" in str(line) for line in lines)
    return [line["task_id"] for line in lines]


@pytest.mark.parametrize("query", ["", "?type=test.fast", "?limit=1"])
def test_a_list_shows_the_others(http: Http, ids: list[str], printed: Printed, query: str) -> None:
    listed, answer = [], http.get(f"/tasks{query}")
    while True:
        assert answer.status_code == 200
        listed += [task["id"] for task in answer.json_body["tasks"]]
        if answer.json_body["next_cursor"] is None:
            break
        start = query + "&" if query else "?"
        answer = http.get(f"/tasks{start}cursor={answer.json_body['next_cursor']}")
    assert listed == [ids[2], ids[0]]
    assert set(unreadable(printed)) == {ids[1]}


def test_reading_it_is_a_500(http: Http, ids: list[str]) -> None:
    answer = http.get(f"/tasks/{ids[1]}")
    assert (answer.status_code, answer.json_body["code"]) == (500, "internal")


def test_a_sync_sends_the_others(
    handlers: Handlers, ids: list[str], sockets: SocketServer, printed: Printed
) -> None:
    handlers.connect("c1", watch="none")
    handlers.send("c1", {"action": "sync", "tasks": dict.fromkeys(ids[:2], 0), "since": ids[0]})
    assert {task["id"] for task in sockets.tasks("c1")} == {ids[0], ids[2]}
    assert sockets.frames["c1"][-1]["type"] == "synced"
    assert set(unreadable(printed)) == {ids[1]}
