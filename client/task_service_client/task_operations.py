"""Everything that is done with tasks by one call or several."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from task_service_client.calling import Calling, prefer
from task_service_client.effects import Request, Steps, Stream
from task_service_client.errors import NotFound, Refused, Unreachable, refusal
from task_service_client.models import Explanation, Stats, Task, TaskType


class TaskOperations(Calling):
    """Calls for everybody who has a token."""

    def create(
        self,
        type: str,
        payload: Mapping[str, Any] | None = None,
        *,
        max_attempts: int | None = None,
        timeout_seconds: float | None = None,
        delay_seconds: float | None = None,
        run_at: datetime | None = None,
        expires_at: datetime | None = None,
        tags: Iterable[str] = (),
        idempotency_key: str | None = None,
        wait: float | None = None,
    ) -> Steps[Task]:
        """The new task.

        Each call has an idempotency key, its own unless one is given, so it is tried again without fear of a
        second task. With one of yours, the same call within 24 hours gives the task that is there. `wait`
        (at most 20 seconds) asks the service to answer when the task has finished, if that is soon.
        Raises: Invalid, with a pointer to each wrong field; the other kinds of Refused; Unreachable.
        """
        body = _given(
            type=type,
            payload=dict(payload or {}),
            max_attempts=max_attempts,
            timeout_seconds=timeout_seconds,
            delay_seconds=delay_seconds,
            run_at=_text(run_at),
            expires_at=_text(expires_at),
            tags=[*tags] or None,
        )
        headers, patience = prefer(wait)
        headers["idempotency-key"] = str(uuid4()) if idempotency_key is None else idempotency_key
        options = {"headers": headers, "patience_seconds": patience}
        plain = yield from self._call("POST", "/tasks", body=body, repeatable=True, **options)
        return Task.from_json(plain)

    def create_many(self, tasks: Iterable[Mapping[str, Any]]) -> Steps[tuple[Task | Refused, ...]]:
        """What became of each of up to 100 tasks, in order: the new task, or why it was refused.

        Each is a body of `POST /tasks`: `{"type": …, "payload": …}`. A batch has no idempotency key: it is
        tried again only where nothing can have been stored.
        """
        answer = yield from self._call("POST", "/tasks/batch", body={"tasks": [dict(task) for task in tasks]})
        return tuple(
            Task.from_json(each["task"]) if "task" in each else refusal(each["status"], each["problem"])
            for each in answer["results"]
        )

    def get(self, task_id: str, *, wait: float | None = None) -> Steps[Task]:
        """The task as it is now; with `wait`, when it has finished or `wait` (at most 20) seconds are over.

        Raises: NotFound.
        """
        headers, patience = prefer(wait)
        options = {"headers": headers, "patience_seconds": patience}
        plain = yield from self._call("GET", _path(task_id), repeatable=True, **options)
        return Task.from_json(plain)

    def list(
        self,
        *,
        status: str | None = None,
        type: str | None = None,
        tag: str | None = None,
        limit: int | None = None,
    ) -> Stream[Task]:
        """All tasks that fit, newest first, without payloads, results and attempts; at most `limit`.

        Pages are read as they are needed.
        """
        query = {"status": status, "type": type, "tag": tag}
        return self._pages("/tasks", query, "tasks", limit, Task.from_json)

    def cancel(self, task_id: str) -> Steps[Task]:
        """The task: canceled when it was waiting, asked to stop when it runs. Raises: NotFound, Conflict."""
        plain = yield from self._call("POST", f"{_path(task_id)}/cancel")
        return Task.from_json(plain)

    def retry(self, task_id: str) -> Steps[Task]:
        """The failed, canceled or expired task, queued once more. Raises: NotFound, Conflict, TooMany."""
        plain = yield from self._call("POST", f"{_path(task_id)}/retry")
        return Task.from_json(plain)

    def delete(self, task_id: str) -> Steps[None]:
        """Remove a finished task. Raises: NotFound, Conflict when it has not finished."""
        path = _path(task_id)
        try:
            yield from self._exchange(Request(method="DELETE", path=path))
        except Unreachable as error:
            if error.unsent:
                raise
            # Its answer was lost. Ask once more: if the task is gone now, this is what was wanted.
            try:
                yield from self._exchange(Request(method="DELETE", path=path))
            except NotFound:
                return

    def explain(self, task_id: str) -> Steps[Explanation]:
        """Why the task is where it is, and what happens next. Raises: NotFound."""
        plain = yield from self._call("GET", f"{_path(task_id)}/explain", repeatable=True)
        return Explanation.from_json(plain)

    def task_types(self) -> Steps[tuple[TaskType, ...]]:
        """What tasks can be asked for, with their payloads' JSON Schemas."""
        answer = yield from self._call("GET", "/task-types", repeatable=True)
        return tuple(map(TaskType.from_json, answer["task_types"]))

    def pause(self, type: str, *, reason: str | None = None) -> Steps[TaskType]:
        """The task type, paused: no task of it starts, none is lost. For administrators. Raises: NotFound."""
        body = {} if reason is None else {"reason": reason}
        path = f"/task-types/{quote(type, safe='')}/pause"
        plain = yield from self._call("POST", path, body=body, repeatable=True)
        return TaskType.from_json(plain)

    def resume(self, type: str) -> Steps[TaskType]:
        """The task type, no longer paused. For administrators. Raises: NotFound."""
        path = f"/task-types/{quote(type, safe='')}/resume"
        plain = yield from self._call("POST", path, body={}, repeatable=True)
        return TaskType.from_json(plain)

    def stats(self, *, minutes: int = 60) -> Steps[Stats]:
        """Approximate counts of the last `minutes` (at most 1,440), and what waits. For administrators."""
        plain = yield from self._call("GET", "/stats", query={"minutes": minutes}, repeatable=True)
        return Stats.from_json(plain)


def _given(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _path(task_id: str) -> str:
    return f"/tasks/{quote(task_id, safe='')}"


def _text(moment: datetime | None) -> str | None:
    if moment is None:
        return None
    if moment.tzinfo is None:
        raise ValueError(f"{moment!r} has no time zone: say datetime.now(UTC), not datetime.now()")
    return moment.isoformat()
