"""Operations on tasks and task types."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from task_service_client._effects import Request, Steps, Stream
from task_service_client._errors import NotFound, Refused, Unreachable, refusal
from task_service_client._requests import BaseOperations, prefer
from task_service_client.models import Explanation, Stats, Task, TaskType


class TaskOperations(BaseOperations):
    """Operations that consist of requests."""

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

        Each call has an idempotency key, so a retry never creates a second task. With an `idempotency_key` of
        your own, a second call within 24 hours returns the first task. With `wait` (at most 20 seconds), the
        service answers when the task has finished, or after this time.
        Raises: Invalid, with an entry for each wrong field; another Refused; Unreachable.
        """
        body = _without_none(
            type=type,
            payload=dict(payload or {}),
            max_attempts=max_attempts,
            timeout_seconds=timeout_seconds,
            delay_seconds=delay_seconds,
            run_at=_rfc3339(run_at),
            expires_at=_rfc3339(expires_at),
            tags=[*tags] or None,
        )
        headers, patience = prefer(wait)
        headers["idempotency-key"] = str(uuid4()) if idempotency_key is None else idempotency_key
        options = {"headers": headers, "patience_seconds": patience}
        data = yield from self._call("POST", "/tasks", body=body, repeatable=True, **options)
        return Task.from_json(data)

    def create_many(self, tasks: Iterable[Mapping[str, Any]]) -> Steps[tuple[Task | Refused, ...]]:
        """The results of up to 100 tasks, in order: the new task, or the error that refused it.

        Each of `tasks` is a body of `POST /tasks`: `{"type": …, "payload": …}`. A batch has no idempotency
        key, so it is retried only if the service cannot have stored a task.
        """
        batch = yield from self._call("POST", "/tasks/batch", body={"tasks": [dict(task) for task in tasks]})
        return tuple(
            Task.from_json(result["task"])
            if "task" in result
            else refusal(result["status"], result["problem"])
            for result in batch["results"]
        )

    def get(self, task_id: str, *, wait: float | None = None) -> Steps[Task]:
        """The task. With `wait` (at most 20 seconds): when it has finished, or after this time.

        Raises: NotFound.
        """
        headers, patience = prefer(wait)
        options = {"headers": headers, "patience_seconds": patience}
        data = yield from self._call("GET", _path(task_id), repeatable=True, **options)
        return Task.from_json(data)

    def list(
        self,
        *,
        status: str | None = None,
        type: str | None = None,
        tag: str | None = None,
        limit: int | None = None,
    ) -> Stream[Task]:
        """The matching tasks, newest first, at most `limit`, without payloads, results and attempts.

        A page is read when its first task is needed.
        """
        query = {"status": status, "type": type, "tag": tag}
        return self._pages("/tasks", query, "tasks", limit, Task.from_json)

    def cancel(self, task_id: str) -> Steps[Task]:
        """Cancel a waiting task, or request that a running one stops. Raises: NotFound, Conflict."""
        data = yield from self._call("POST", f"{_path(task_id)}/cancel")
        return Task.from_json(data)

    def retry(self, task_id: str) -> Steps[Task]:
        """Queue a failed, canceled or expired task again. Raises: NotFound, Conflict, TooMany."""
        data = yield from self._call("POST", f"{_path(task_id)}/retry")
        return Task.from_json(data)

    def delete(self, task_id: str) -> Steps[None]:
        """Delete a finished task. Raises: NotFound, Conflict if it has not finished."""
        path = _path(task_id)
        try:
            yield from self._exchange(Request(method="DELETE", path=path))
        except Unreachable as error:
            if error.unsent:
                raise
            # The response was lost. If the task is gone at the second try, the first one deleted it.
            try:
                yield from self._exchange(Request(method="DELETE", path=path))
            except NotFound:
                return

    def explain(self, task_id: str) -> Steps[Explanation]:
        """The reason for the task's status, and what happens next. Raises: NotFound."""
        data = yield from self._call("GET", f"{_path(task_id)}/explain", repeatable=True)
        return Explanation.from_json(data)

    def task_types(self) -> Steps[tuple[TaskType, ...]]:
        """The task types, each with the JSON Schema of its payload."""
        data = yield from self._call("GET", "/task-types", repeatable=True)
        return tuple(map(TaskType.from_json, data["task_types"]))

    def pause(self, type: str, *, reason: str | None = None) -> Steps[TaskType]:
        """Pause a task type: its tasks wait, and none is lost. For administrators. Raises: NotFound."""
        body = {} if reason is None else {"reason": reason}
        path = f"/task-types/{quote(type, safe='')}/pause"
        data = yield from self._call("POST", path, body=body, repeatable=True)
        return TaskType.from_json(data)

    def resume(self, type: str) -> Steps[TaskType]:
        """Resume a task type. For administrators. Raises: NotFound."""
        path = f"/task-types/{quote(type, safe='')}/resume"
        data = yield from self._call("POST", path, body={}, repeatable=True)
        return TaskType.from_json(data)

    def stats(self, *, minutes: int = 60) -> Steps[Stats]:
        """Approximate counts of the last `minutes` (at most 1,440), and queue depths. For administrators."""
        data = yield from self._call("GET", "/stats", query={"minutes": minutes}, repeatable=True)
        return Stats.from_json(data)


def _without_none(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _path(task_id: str) -> str:
    return f"/tasks/{quote(task_id, safe='')}"


def _rfc3339(moment: datetime | None) -> str | None:
    if moment is None:
        return None
    if moment.tzinfo is None:
        raise ValueError(f"{moment!r} has no time zone: use datetime.now(UTC), not datetime.now()")
    return moment.isoformat()
