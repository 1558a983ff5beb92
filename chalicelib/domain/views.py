"""The public JSON of a task, in the HTTP API and in every update."""

from __future__ import annotations

from typing import Any

from chalicelib.domain.documents import Document
from chalicelib.domain.formats import timestamp
from chalicelib.domain.task import Attempt, Task, TaskError, TaskStatus


def task_view(task: Task) -> dict[str, Any]:
    """All public fields of `task`; absent values are null."""
    return {
        **task_summary(task),
        "payload": _value(task.payload),
        "result": _value(task.result),
        "attempts": [_attempt(entry) for entry in _all_attempts(task)],
    }


def task_summary(task: Task) -> dict[str, Any]:
    """The public fields of a task in a list: all but payload, result and attempts."""
    progress = task.progress
    return {
        "id": task.id,
        "type": task.type,
        "status": task.status.value,
        "version": task.version,
        "error": _error(task.error),
        "progress": None if progress is None else {"percent": progress.percent, "message": progress.message},
        "attempt": task.attempt,
        "max_attempts": task.max_attempts,
        "timeout_seconds": task.timeout_seconds,
        "tags": list(task.tags),
        "created_at": timestamp(task.created_at),
        "updated_at": timestamp(task.updated_at),
        "queued_at": timestamp(task.queued_at),
        "started_at": timestamp(task.started_at),
        "finished_at": timestamp(task.finished_at),
        "run_at": timestamp(task.run_at),
        "expires_at": timestamp(task.expires_at),
        "lease_until": timestamp(task.lease_until),
        "cancel_requested": task.cancel_requested,
        "redrive_count": task.redrive_count,
        "dead_lettered_at": timestamp(task.dead_lettered_at),
    }


def task_audit(task: Task) -> dict[str, str | None]:
    """The owner, and the subjects of the tokens that changed the task; for administrators."""
    return {
        "owner": task.owner,
        "created_by": task.created_by,
        "canceled_by": task.canceled_by,
        "retried_by": task.retried_by,
    }


def _all_attempts(task: Task) -> tuple[Attempt, ...]:
    """The finished attempts and the one that runs."""
    if task.status is not TaskStatus.RUNNING or task.started_at is None:
        return task.attempts
    running = Attempt(
        number=task.attempt, lease=task.lease, started_at=task.started_at, finished_at=None, outcome="running"
    )
    return (*task.attempts, running)


def _attempt(entry: Attempt) -> dict[str, Any]:
    return {
        "number": entry.number,
        "lease": entry.lease,
        "started_at": timestamp(entry.started_at),
        "finished_at": timestamp(entry.finished_at),
        "outcome": entry.outcome,
        "error": _error(entry.error),
        "next_wait_seconds": entry.next_wait_seconds,
    }


def _error(error: TaskError | None) -> dict[str, str] | None:
    return None if error is None else {"kind": error.kind.value, "type": error.type, "message": error.message}


def _value(document: Document | None) -> Any:
    return None if document is None else document.value()
