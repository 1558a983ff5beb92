"""Who did what: from the token's subject onto the task, for administrators to read."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.domain.outcomes import NonRetryable
from testing.kit import Kit
from tests.functional.conftest import Handlers, Http
from tests.support.scripted_types import Script
from tests.support.sockets import SocketServer

WANTED = {"type": "test.fast"}


def as_subject(kit: Kit, http: Http, subject: str, *scopes: str) -> Http:
    """Somebody who works for the owner "default", which another claim says."""
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
    found: dict[str, Any] = auditor.get(f"/tasks/{task_id}").json_body["audit"]
    return found


def test_each_step_names_its_subject(
    kit: Kit, http: Http, auditor: Http, handlers: Handlers, script: Script
) -> None:
    """Given a task that ada posts, bob cancels and eve retries, then an audit names all three."""
    task_id = as_subject(kit, http, "ada").post("/tasks", WANTED).json_body["id"]
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


def test_runs_and_deaths_do_not_forget_them(
    kit: Kit, http: Http, auditor: Http, handlers: Handlers, script: Script
) -> None:
    script.raises(NonRetryable("broken"))
    task = as_subject(kit, http, "ada").post("/tasks", WANTED).json_body
    handlers.run(task)
    as_subject(kit, http, "bob").post(f"/tasks/{task['id']}/retry")
    handlers.run(task)
    assert (audit(auditor, task["id"])["created_by"], audit(auditor, task["id"])["retried_by"]) == (
        "ada",
        "bob",
    )


def test_who_asks_a_running_task_to_stop_is_named(
    kit: Kit, http: Http, auditor: Http, handlers: Handlers, script: Script
) -> None:
    task = as_subject(kit, http, "ada").post("/tasks", WANTED).json_body
    script.work = lambda payload, context: as_subject(kit, http, "bob").post(f"/tasks/{task['id']}/cancel")
    handlers.run(task)
    as_subject(kit, http, "eve").post(f"/tasks/{task['id']}/cancel")
    assert audit(auditor, task["id"])["canceled_by"] == "bob"


def test_a_batch_and_an_idempotent_post_name_their_subject_too(kit: Kit, http: Http, auditor: Http) -> None:
    ada = as_subject(kit, http, "ada")
    (made,) = ada.post("/tasks/batch", {"tasks": [WANTED]}).json_body["results"]
    once = ada.post("/tasks", WANTED, idempotency_key="k1").json_body
    as_subject(kit, http, "bob").post("/tasks", WANTED, idempotency_key="k1")
    assert audit(auditor, made["task"]["id"])["created_by"] == "ada"
    assert audit(auditor, once["id"])["created_by"] == "ada"


def test_an_administrator_who_acts_for_an_owner_is_named_and_not_the_owner(kit: Kit, http: Http) -> None:
    root = http.as_(kit.token("tasks:admin", sub="root", org="operators"))
    task_id = root.post("/tasks?owner=default", WANTED).json_body["id"]
    found = root.get(f"/tasks/{task_id}?owner=default").json_body["audit"]
    assert (found["owner"], found["created_by"]) == ("default", "root")


def test_nobody_else_sees_it(kit: Kit, http: Http, handlers: Handlers, sockets: SocketServer) -> None:
    """Neither the owner of the task, nor a frame, nor a list: who works for an owner is not public."""
    ada = as_subject(kit, http, "ada@example.com")
    assert handlers.connect("c1", token=ada.token) == 200
    assert handlers.connect("c2", token=kit.token("tasks:admin", sub="root", org="default")) == 200
    created = ada.post("/tasks", WANTED)
    handlers.push()
    seen = [created, ada.get(f"/tasks/{created.json_body['id']}"), ada.get("/tasks")]
    assert b"ada@example.com" not in b"".join(answer.body for answer in seen)
    assert "ada@example.com" not in repr(dict(sockets.frames))
    assert len(sockets.tasks("c1")) == len(sockets.tasks("c2")) == 1
