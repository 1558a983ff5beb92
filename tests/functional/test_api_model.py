"""The HTTP API against a small model: after any sequence of requests, the two agree."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from chalice.test import Client
from hypothesis import HealthCheck, settings, strategies
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

import app
from chalicelib import bootstrap
from testing.kit import Kit
from tests.functional.conftest import FAR, ROOT, Handlers, Http
from tests.support.scripted_types import Script

DONE = ("succeeded", "failed", "canceled", "expired")


@dataclass
class Expected:
    """The model of a task."""

    status: str
    redrive_count: int = 0
    attempt: int = 0
    expires: bool = False  #: unless it starts before time passes


class Api(RuleBasedStateMachine):
    """The requests of one owner, and the expected responses."""

    tasks = Bundle("tasks")

    def __init__(self) -> None:
        super().__init__()
        self._exit = ExitStack()
        self.script = Script()
        self.kit = self._exit.enter_context(Kit(self.script.types, post_burst=100_000, open_tasks=10**6))
        bootstrap.install(self.kit.services)
        client = self._exit.enter_context(Client(app.app, stage_name="local", project_dir=str(ROOT)))
        self.http = Http(client, self.kit.token("tasks:read", "tasks:write", exp=FAR))
        self.handlers = Handlers(self.kit)
        self.model: dict[str, Expected] = {}
        self.keys: dict[str, tuple[int, str]] = {}
        self.gone: set[str] = set()

    def teardown(self) -> None:
        self._exit.close()

    # --- What an owner can ask --------------------------------------------------------------------

    @rule(target=tasks, delay=strategies.sampled_from([0, 0, 60]), expires=strategies.booleans())
    def create(self, delay: int, expires: bool) -> str:
        body: dict[str, Any] = {"type": "test.fast", "payload": {}, "delay_seconds": delay}
        if expires:
            body["expires_at"] = (self.kit.clock() + timedelta(seconds=100)).isoformat()
        answer = self.http.post("/tasks", body)
        task_id = self._created(answer.status_code, answer.json_body, "scheduled" if delay else "queued")
        self.model[task_id].expires = expires
        return task_id

    @rule(target=tasks, key=strategies.sampled_from("ab"), number=strategies.integers(1, 2))
    def create_once(self, key: str, number: int) -> Any:
        body = {"type": "test.fast", "payload": {"number": number}}
        answer = self.http.post("/tasks", body, idempotency_key=key)
        if key not in self.keys:
            task_id = self._created(answer.status_code, answer.json_body, "queued")
            self.keys[key] = number, task_id
            return task_id
        used, task_id = self.keys[key]
        if used != number:
            assert answer.status_code == 422
        elif task_id in self.gone:
            assert answer.status_code == 409
        else:
            assert (answer.status_code, answer.json_body["id"]) == (200, task_id)
        return multiple()

    @rule(target=tasks, count=strategies.integers(1, 3))
    def create_many(self, count: int) -> Any:
        tasks = [{"type": "test.fast", "payload": {}}] * count + [{"type": "unknown", "payload": {}}]
        answer = self.http.post("/tasks/batch", {"tasks": tasks})
        results = answer.json_body["results"]
        assert [each["status"] for each in results] == [201] * count + [422]
        return multiple(*[self._created(201, each["task"], "queued") for each in results[:count]])

    @rule(task_id=tasks)
    def cancel(self, task_id: str) -> None:
        answer = self.http.post(f"/tasks/{task_id}/cancel")
        expected = self.model.get(task_id)
        if expected is None:
            assert answer.status_code == 404
        elif expected.status in DONE:
            assert answer.status_code == 409
        else:
            assert answer.status_code == 200
            expected.status = "canceled"

    @rule(task_id=tasks)
    def retry(self, task_id: str) -> None:
        answer = self.http.post(f"/tasks/{task_id}/retry")
        expected = self.model.get(task_id)
        if expected is None:
            assert answer.status_code == 404
        elif expected.status not in ("failed", "canceled", "expired"):
            assert answer.status_code == 409
        else:
            assert answer.status_code == 200
            expected.status, expected.attempt = "queued", 0
            expected.redrive_count += 1
            expected.expires = False

    @rule(task_id=consumes(tasks))
    def delete(self, task_id: str) -> None:
        answer = self.http.delete(f"/tasks/{task_id}")
        expected = self.model.get(task_id)
        if expected is None:
            assert answer.status_code == 404
        elif expected.status in DONE:
            assert answer.status_code == 204
            del self.model[task_id]
            self.gone.add(task_id)
        else:
            assert answer.status_code == 409

    # --- What happens by itself -------------------------------------------------------------------

    @rule(task_id=tasks, good=strategies.booleans())
    def deliver(self, task_id: str, good: bool) -> None:
        """Deliver the message of a task, due or not."""
        expected = self.model.get(task_id)
        if good:
            self.script.returns("done")
        else:
            self.script.raises(ValueError("oops"))
        self.handlers.run({"id": task_id})
        if expected is not None and expected.status in ("queued", "retrying due"):
            expected.attempt += 1
            last = expected.attempt == 3
            expected.status = "succeeded" if good else "failed" if last else "retrying"

    @rule()
    def time_passes(self) -> None:
        """Advance the clock past every wait, and sweep."""
        self.kit.clock.advance(200)
        self.handlers.sweep()
        for expected in self.model.values():
            if expected.expires and expected.status not in DONE:
                expected.status = "expired"
            elif expected.status in ("scheduled", "retrying"):
                expected.status = {"scheduled": "queued", "retrying": "retrying due"}[expected.status]

    @invariant()
    def the_list_agrees(self) -> None:
        """A list has exactly the tasks of the model, in their state."""
        listed = self.http.get("/tasks?limit=100").json_body["tasks"]
        seen = {task["id"]: (task["status"], task["redrive_count"], task["attempt"]) for task in listed}
        assert seen == {
            task_id: (each.status.removesuffix(" due"), each.redrive_count, each.attempt)
            for task_id, each in self.model.items()
        }

    def _created(self, status: int, task: dict[str, Any], expected: str) -> str:
        assert (status, task["status"], task["version"]) == (201, expected, 1)
        self.model[task["id"]] = Expected(expected)
        return str(task["id"])


Api.TestCase.settings = settings(
    max_examples=6,
    stateful_step_count=20,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
TestApi = Api.TestCase
