"""DELETE /tasks/{id}: deletes a finished task with its documents."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.domain.task_types import TaskContext
from testing.kit import Kit
from tests.functional.conftest import Handlers, Http
from tests.support.aws_state import documents, items, row
from tests.support.aws_wire import Wire
from tests.support.scripted_types import Script

pytestmark = pytest.mark.usefixtures("script")


@pytest.fixture
def finished(kit: Kit, handlers: Handlers, script: Script) -> dict[str, Any]:
    """A succeeded task with a separately stored payload and result."""
    script.returns("r" * 2000)
    task = kit.create("test.fast", {"text": "p" * 2000})
    handlers.run(task)
    return task


def test_a_finished_task_is_deleted_with_its_documents(
    http: Http, kit: Kit, finished: dict[str, Any]
) -> None:
    assert sorted(documents(kit, finished["id"])) == ["payload", "result#1"]
    answer = http.delete(f"/tasks/{finished['id']}")
    assert (answer.status_code, answer.body) == (204, b"")
    assert http.get(f"/tasks/{finished['id']}").status_code == 404
    assert http.get("/tasks").json_body["tasks"] == []
    assert items(kit, "tasks") == items(kit, "documents") == []


def test_a_deleted_task_cannot_be_deleted_again(http: Http, finished: dict[str, Any]) -> None:
    http.delete(f"/tasks/{finished['id']}")
    assert http.delete(f"/tasks/{finished['id']}").status_code == 404


@pytest.mark.parametrize("options", [{}, {"delay_seconds": 60.0}])
def test_a_waiting_task_is_a_conflict(http: Http, kit: Kit, options: dict[str, Any]) -> None:
    task = kit.create("test.fast", **options)
    answer = http.delete(f"/tasks/{task['id']}")
    assert (answer.status_code, answer.json_body["code"]) == (409, "transition_not_allowed")
    assert kit.get(task["id"]) == task


def test_a_running_task_is_a_conflict(http: Http, kit: Kit, handlers: Handlers, script: Script) -> None:
    statuses: list[int] = []

    def work(payload: Any, context: TaskContext) -> None:
        statuses.append(http.delete(f"/tasks/{context.task_id}").status_code)

    script.work = work
    handlers.run(kit.create("test.fast"))
    assert statuses == [409]


def test_a_late_message_of_a_deleted_task_is_acked(
    http: Http, handlers: Handlers, script: Script, finished: dict[str, Any]
) -> None:
    http.delete(f"/tasks/{finished['id']}")
    assert handlers.run(finished).acknowledged
    assert script.runs == [1]


def test_a_lost_reply_is_a_success(http: Http, kit: Kit, finished: dict[str, Any]) -> None:
    Wire(kit.services).lose_reply("DeleteItem")
    assert http.delete(f"/tasks/{finished['id']}").status_code == 204


def test_a_task_that_was_retried_meanwhile_stays(
    http: Http, kit: Kit, handlers: Handlers, script: Script
) -> None:
    """Given a canceled task that is retried after it was read, when it is deleted, then it stays."""
    task = kit.create("test.fast")
    http.post(f"/tasks/{task['id']}/cancel")
    other = kit.new_services()
    Wire(kit.services).before("DeleteItem", lambda: other.tasks.retry(kit.owner, task["id"]))
    assert http.delete(f"/tasks/{task['id']}").status_code == 409
    assert row(kit, task["id"]).status == "queued"
