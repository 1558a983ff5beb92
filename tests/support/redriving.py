"""Starts and reads redrives as a client does."""

from __future__ import annotations

from typing import Any

from testing.kit import Kit
from tests.functional.conftest import Http
from tests.support.dead_letters import failed_task
from tests.support.handlers import Handlers
from tests.support.scripted_types import Script

FAST: dict[str, Any] = {"type": "test.fast"}


def start(http: Http, filters: Any = None, **body: Any) -> dict[str, Any]:
    answer = http.post("/redrives", {"filter": FAST if filters is None else filters, **body})
    assert answer.status_code == 202
    redrive: dict[str, Any] = answer.json_body
    assert answer.headers["Location"] == f"./redrives/{redrive['id']}"
    return redrive


def get(http: Http, redrive: dict[str, Any]) -> dict[str, Any]:
    answer = http.get(f"/redrives/{redrive['id']}")
    assert answer.status_code == 200
    body: dict[str, Any] = answer.json_body
    return body


def counts(redrive: dict[str, Any]) -> tuple[int, int, int, int]:
    return tuple(redrive[name] for name in ("matched", "changed", "skipped", "failed"))  # type: ignore[return-value]


def statuses(kit: Kit, tasks: list[dict[str, Any]]) -> list[str]:
    return [kit.get(task["id"])["status"] for task in tasks]


def failed_tasks(kit: Kit, handlers: Handlers, script: Script, count: int) -> list[dict[str, Any]]:
    """Tasks that failed for good one second after another."""
    tasks = []
    for _ in range(count):
        tasks.append(failed_task(kit, handlers, script))
        kit.clock.advance(1)
    return tasks
