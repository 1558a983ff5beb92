"""The owner of tasks: a script of HTTP requests, sent again when no response came."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import app
from tests.simulation.attempts import Attempt
from tests.simulation.functions import Context, Ended, Functions
from tests.simulation.queues import SECOND
from tests.simulation.scheduler import Process, Scheduler
from tests.support.lambda_events import http_event

#: Times that a request is sent until a response comes.
TRIES = 6
#: How a task can end.
DONE = ("succeeded", "failed", "canceled", "expired")


@dataclass(slots=True)
class Request:
    """One request and its response."""

    began: int
    method: str
    path: str
    body: Any
    key: str | None
    ended: int = -1
    status: int = 0  #: 0: no response
    answer: Any = None


class Api:
    """API Gateway's HTTP API."""

    def __init__(self, scheduler: Scheduler, functions: Functions) -> None:
        self.requests: list[Request] = []
        self._scheduler = scheduler
        self._functions = functions

    def send(
        self,
        method: str,
        path: str,
        token: str,
        on_answer: Callable[[tuple[int, Any] | None], None],
        *,
        query: dict[str, str] | None = None,
        body: Any = None,
        key: str | None = None,
        wait: int = 0,
    ) -> None:
        """Send a request. `on_answer` gets the status and body of the response, or None if there is none."""
        request = Request(self._scheduler.now, method, path, body, key)
        self.requests.append(request)
        event = _event(method, path, token, query=query or {}, body=body, key=key)
        if wait:
            event["headers"]["prefer"] = f"wait={wait}"

        def ended(outcome: Ended) -> None:
            request.ended = self._scheduler.now
            if outcome.good:
                request.status = outcome.value["statusCode"]
                request.answer = json.loads(outcome.value["body"]) if outcome.value["body"] else None
                on_answer((request.status, request.answer))
            else:
                on_answer(None)

        self._functions.invoke("api", lambda context: _call(event, context), ended)


class User:
    """One owner. A script, which is a fiber, calls its methods."""

    def __init__(self, scheduler: Scheduler, api: Api, token: str) -> None:
        self.process = Process("user")
        self.accepted: list[str] = []  #: ids of tasks that the service accepted
        self.prefer_wait = 0  #: seconds of `Prefer: wait`
        self._scheduler = scheduler
        self._api = api
        self._token = token

    def sleep(self, seconds: float) -> None:
        """Do nothing for a while."""
        self._scheduler.sleep(round(seconds * SECOND))

    def create(self, *attempts: Attempt, key: str | None = None, **fields: Any) -> str:
        """Post a task with these attempts. Returns its id, or "" if no response came."""
        return self.post(self.body(*attempts, **fields), key=key)

    def post(self, body: dict[str, Any], *, key: str | None = None) -> str:
        """Post a task. Returns its id, or "" if no response came."""
        answer = self.request("POST", "/tasks", body, key=key, again=key is not None)
        if answer is None or answer[0] not in (200, 201):
            return ""
        self.accepted.append(answer[1]["id"])
        return str(answer[1]["id"])

    def create_many(self, *bodies: dict[str, Any]) -> list[str]:
        """Post tasks in one batch. Returns the ids of those that the service accepted."""
        answer = self.request("POST", "/tasks/batch", {"tasks": bodies})
        results = [] if answer is None or answer[0] != 207 else answer[1]["results"]
        ids = [each["task"]["id"] for each in results if each["status"] == 201]
        self.accepted += ids
        return ids

    @staticmethod
    def body(*attempts: Attempt, pad: int = 0, lane: str = "fast", **fields: Any) -> dict[str, Any]:
        """The body of a POST of a task."""
        return {"type": f"sim.{lane}", "payload": {"plan": list(attempts), "pad": "x" * pad}, **fields}

    def cancel(self, task_id: str) -> int:
        """Cancel a task. Returns the status of the response, or 0."""
        return self._act(task_id, "cancel")

    def retry(self, task_id: str) -> int:
        """Retry a task. Returns the status of the response, or 0."""
        return self._act(task_id, "retry")

    def delete(self, task_id: str) -> int:
        """Delete a task. Returns the status of the response, or 0."""
        answer = self.request("DELETE", f"/tasks/{task_id}", again=True) if task_id else None
        return 0 if answer is None else answer[0]

    def get(self, task_id: str) -> dict[str, Any]:
        """The task, or {} if it cannot be read."""
        answer = self.request("GET", f"/tasks/{task_id}", again=True) if task_id else None
        return {} if answer is None or answer[0] != 200 else answer[1]

    # --- What an operator does ----------------------------------------------------------------------

    def pause(self, name: str) -> int:
        """Pause a task type. Returns the status of the response, or 0."""
        return self._switch(name, "pause")

    def resume(self, name: str) -> int:
        """Resume a task type. Returns the status of the response, or 0."""
        return self._switch(name, "resume")

    def redrive(self, filter_: dict[str, Any], *, rate: int = 1, action: str = "retry") -> str:
        """Start a redrive. Returns its id, or the id of the running one with this filter, or ""."""
        body = {"filter": filter_, "rate": rate, "action": action}
        answer = self.request("POST", "/redrives", body, again=True)
        if answer is None or answer[0] not in (202, 409):
            return ""
        return str(answer[1]["id"] if answer[0] == 202 else answer[1]["detail"].split()[2])

    def abort(self, redrive_id: str) -> int:
        """Abort a redrive. Returns the status of the response, or 0."""
        answer = self.request("POST", f"/redrives/{redrive_id}/abort", again=True) if redrive_id else None
        return 0 if answer is None else answer[0]

    def wait_for_redrive(self, redrive_id: str) -> dict[str, Any]:
        """Poll a redrive until it ends. Returns its last state."""
        redrive: dict[str, Any] = {}
        for _ in range(240 if redrive_id else 0):
            answer = self.request("GET", f"/redrives/{redrive_id}", again=True)
            redrive = answer[1] if answer is not None and answer[0] == 200 else redrive
            if redrive and redrive["status"] != "running":
                break
            self.sleep(15)
        return redrive

    def _switch(self, name: str, verb: str) -> int:
        answer = self.request("POST", f"/task-types/{name}/{verb}", again=True)
        return 0 if answer is None else answer[0]

    # --- The pieces -----------------------------------------------------------------------------------

    def wait_until(self, task_id: str, *statuses: str, seconds: int = 4 * 3600) -> dict[str, Any]:
        """Poll a task until it has one of the statuses. Returns its last state."""
        task: dict[str, Any] = {}
        for _ in range(seconds // 15):
            task = self.get(task_id)
            if not task or task["status"] in statuses:
                break
            self.sleep(15)
        return task

    def request(
        self, method: str, path: str, body: Any = None, *, key: str | None = None, again: bool = False
    ) -> tuple[int, Any] | None:
        """Send a request and wait for the response. `again`: send it again after no response or a 5xx."""
        answer = None
        for number in range(TRIES if again else 1):
            if number:
                self.sleep(1)
            answer = self._once(method, path, body, key)
            if answer is not None and answer[0] < 500:
                break
        return answer

    def _act(self, task_id: str, verb: str) -> int:
        answer = self.request("POST", f"/tasks/{task_id}/{verb}", again=True) if task_id else None
        return 0 if answer is None else answer[0]

    def _once(self, method: str, path: str, body: Any, key: str | None) -> tuple[int, Any] | None:
        answers: list[tuple[int, Any] | None] = []

        def begin(wake: Callable[[], None]) -> None:
            def on_answer(answer: tuple[int, Any] | None) -> None:
                answers.append(answer)
                wake()

            self._api.send(method, path, self._token, on_answer, body=body, key=key, wait=self.prefer_wait)

        self._scheduler.wait_for_call(begin)
        return answers[0]


def _call(event: dict[str, Any], context: Context) -> Any:
    return app.app(event, context)


def _event(
    method: str, path: str, token: str, *, query: dict[str, str], body: Any, key: str | None
) -> dict[str, Any]:
    """The event that API Gateway makes of a request."""
    parts = path.split("/")
    named = len(parts) > 2 and parts[2] != "batch"
    name = {"task-types": "name", "redrives": "redrive_id"}.get(parts[1], "task_id")
    resource = "/".join([*parts[:2], f"{{{name}}}", *parts[3:]]) if named else path
    headers = {"authorization": f"Bearer {token}"}
    if key is not None:
        headers["idempotency-key"] = key
    parameters = {name: parts[2]} if named else None
    return http_event(method, resource, body, headers=headers, parameters=parameters, query=query)
