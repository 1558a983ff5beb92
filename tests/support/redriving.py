"""Redrives, as a client starts them and looks at them."""

from __future__ import annotations

from typing import Any

from testing.kit import Kit
from tests.functional.conftest import Http
from tests.support.dead_letters import die
from tests.support.handlers import Handlers
from tests.support.scripted_types import Script

FAST: dict[str, Any] = {"type": "test.fast"}


def start(http: Http, chosen: Any = None, **body: Any) -> dict[str, Any]:
    answer = http.post("/redrives", {"filter": FAST if chosen is None else chosen, **body})
    assert answer.status_code == 202
    redrive: dict[str, Any] = answer.json_body
    assert answer.headers["Location"] == f"./redrives/{redrive['id']}"
    return redrive


def get(http: Http, redrive: dict[str, Any]) -> dict[str, Any]:
    answer = http.get(f"/redrives/{redrive['id']}")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json_body
    return found


def counts(redrive: dict[str, Any]) -> tuple[int, int, int, int]:
    return tuple(redrive[name] for name in ("matched", "changed", "skipped", "failed"))  # type: ignore[return-value]


def statuses(kit: Kit, tasks: list[dict[str, Any]]) -> list[str]:
    return [kit.get(task["id"])["status"] for task in tasks]


def deaths(kit: Kit, handlers: Handlers, script: Script, count: int) -> list[dict[str, Any]]:
    """Tasks that died one after the other."""
    found = []
    for _ in range(count):
        found.append(die(kit, handlers, script))
        kit.clock.advance(1)
    return found
