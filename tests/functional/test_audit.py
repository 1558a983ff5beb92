"""The audit: the token's subject is stored on the task, and administrators can read it."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.domain.outcomes import NonRetryable
from testing.kit import Kit
from tests.functional.conftest import Handlers, Http
from tests.support.scripted_types import Script
from tests.support.sockets import SocketServer

TASK = {"type": "test.fast"}


def as_subject(kit: Kit, http: Http, subject: str, *scopes: str) -> Http:
    """A subject of the owner "default", which another claim names."""
    return http.as_(kit.token(*(scopes or ("tasks:read", "tasks:write")), sub=subject, org="default"))


@pytest.fixture
def kit(script: Script) -> Any:
    from chalicelib import bootstrap  # noqa: PLC0415

    with Kit(script.types, owner_claim="org") as kit:
        bootstrap.install(kit.services)
        yield kit


@pytest.fixture
def auditor(kit: Kit, http: Http) -> Http:
    return as_subject(kit, http, "auditor", "tasks:admin")


def audit(auditor: Http, task_id: str) -> dict[str, Any]:
    body: dict[str, Any] = auditor.get(f"/tasks/{task_id}").json_body["audit"]
    return body


def test_each_step_names_its_subject(
    kit: Kit, http: Http, auditor: Http, handlers: Handlers, script: Script
) -> None:
    """Given a task that ada posts, bob cancels and eve retries, then an audit names all three."""
    task_id = as_subject(kit, http, "ada").post("/tasks", TASK).json_body["id"]
    nobody = {"canceled_by": None, "retried_by": None}
    assert audit(auditor, task_id) == {"owner": "default", "created_by": "ada", **nobody}
    as_subject(kit, http, "bob").post(f"/tasks/{task_id}/cancel")
    as_subject(kit, http, "eve").post(f"/tasks/{task_id}/retry")
    assert audit(auditor, task_id) == {
        "owner": "default",
        "created_by": "ada",
        "canceled_by": "bob",
        "retried_by": "eve",
    }


def test_runs_and_failures_keep_the_audit(
    kit: Kit, http: Http, auditor: Http, handlers: Handlers, script: Script
) -> None:
    script.raises(NonRetryable("broken"))
    task = as_subject(kit, http, "ada").post("/tasks", TASK).json_body
    handlers.run(task)
    as_subject(kit, http, "bob").post(f"/tasks/{task['id']}/retry")
    handlers.run(task)
    assert (audit(auditor, task["id"])["created_by"], audit(auditor, task["id"])["retried_by"]) == (
        "ada",
        "bob",
    )


def test_the_subject_who_cancels_a_running_task_is_named(
    kit: Kit, http: Http, auditor: Http, handlers: Handlers, script: Script
) -> None:
    task = as_subject(kit, http, "ada").post("/tasks", TASK).json_body
    script.work = lambda payload, context: as_subject(kit, http, "bob").post(f"/tasks/{task['id']}/cancel")
    handlers.run(task)
    as_subject(kit, http, "eve").post(f"/tasks/{task['id']}/cancel")
    assert audit(auditor, task["id"])["canceled_by"] == "bob"


def test_a_batch_and_an_idempotent_post_name_their_subject(kit: Kit, http: Http, auditor: Http) -> None:
    ada = as_subject(kit, http, "ada")
    (result,) = ada.post("/tasks/batch", {"tasks": [TASK]}).json_body["results"]
    once = ada.post("/tasks", TASK, idempotency_key="k1").json_body
    as_subject(kit, http, "bob").post("/tasks", TASK, idempotency_key="k1")
    assert audit(auditor, result["task"]["id"])["created_by"] == "ada"
    assert audit(auditor, once["id"])["created_by"] == "ada"


def test_an_administrator_who_acts_for_an_owner_is_named_and_not_the_owner(kit: Kit, http: Http) -> None:
    root = http.as_(kit.token("tasks:admin", sub="root", org="operators"))
    task_id = root.post("/tasks?owner=default", TASK).json_body["id"]
    body = root.get(f"/tasks/{task_id}?owner=default").json_body["audit"]
    assert (body["owner"], body["created_by"]) == ("default", "root")


def test_only_administrators_see_the_audit(
    kit: Kit, http: Http, handlers: Handlers, sockets: SocketServer
) -> None:
    """The owner, frames and lists do not show it: the subjects of an owner are not public."""
    ada = as_subject(kit, http, "ada@example.com")
    assert handlers.connect("c1", token=ada.token) == 200
    assert handlers.connect("c2", token=kit.token("tasks:admin", sub="root", org="default")) == 200
    created = ada.post("/tasks", TASK)
    handlers.push()
    seen = [created, ada.get(f"/tasks/{created.json_body['id']}"), ada.get("/tasks")]
    assert b"ada@example.com" not in b"".join(answer.body for answer in seen)
    assert "ada@example.com" not in repr(dict(sockets.frames))
    assert len(sockets.tasks("c1")) == len(sockets.tasks("c2")) == 1
