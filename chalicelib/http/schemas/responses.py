"""Tasks and task types as the API answers them: models for its OpenAPI document.

Answers are made by `responses`, without them; tests hold the two equal.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from chalicelib.domain.explanation import Reason
from chalicelib.domain.task import ErrorKind, TaskStatus


class Answer(BaseModel):
    """What is answered has these fields and no others."""

    model_config = ConfigDict(extra="forbid")


class TaskError(Answer):
    """What went wrong."""

    kind: ErrorKind
    type: str
    message: str


class Progress(Answer):
    """How far a run has come, as it says itself."""

    percent: float = Field(ge=0, le=100)
    message: str


class Attempt(Answer):
    """One run that was started."""

    number: int
    lease: int
    started_at: datetime
    finished_at: datetime | None
    outcome: Literal["running", "succeeded", "failed", "canceled", "snoozed"]
    error: TaskError | None
    next_wait_seconds: float | None


class TaskSummary(Answer):
    """A task as lists hold it."""

    id: str
    type: str
    status: TaskStatus
    version: int = Field(description="Goes up with every change: keep the task with the highest one.")
    error: TaskError | None
    progress: Progress | None
    attempt: int
    max_attempts: int
    timeout_seconds: float
    tags: list[str]
    created_at: datetime
    updated_at: datetime
    queued_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    run_at: datetime
    expires_at: datetime | None
    lease_until: datetime | None
    cancel_requested: bool
    redrive_count: int
    dead_lettered_at: datetime | None


class Task(TaskSummary):
    """A task."""

    payload: Any
    result: Any
    attempts: list[Attempt]


class Audit(Answer):
    """Who did what to a task."""

    owner: str
    created_by: str | None
    canceled_by: str | None
    retried_by: str | None


class FoundTask(Task):
    """A task, with its audit for administrators."""

    audit: Audit | None = None


class Ticket(Answer):
    """A ticket to the WebSocket API, and where to use it."""

    ticket: str
    url: str
    expires_at: datetime


class CreatedTask(Task):
    """A new task, and a ticket to watch it for those who may read."""

    stream: Ticket | None


class FieldProblem(Answer):
    """A wrong field."""

    pointer: str = Field(description="A JSON pointer (RFC 6901).")
    message: str


class Problem(Answer):
    """A problem (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    code: str = Field(description="For machines.")
    errors: list[FieldProblem] = Field(default=[])


class CreatedOne(Answer):
    """A task of a batch that was created."""

    status: Literal[201]
    task: Task


class RefusedOne(Answer):
    """A task of a batch that was refused."""

    status: int
    problem: Problem


class BatchResults(Answer):
    """What became of each task, in order."""

    results: list[CreatedOne | RefusedOne]


class TaskPage(Answer):
    """A page of tasks, newest first; only a null cursor ends the list."""

    tasks: list[TaskSummary]
    next_cursor: str | None


class Ahead(Answer):
    """About how many messages wait in the task's queue."""

    count: int
    approximate: Literal[True]


class Explanation(Answer):
    """Where a task stands, why, and what happens next."""

    task_id: str
    status: TaskStatus
    reason: Reason
    detail: str
    until: datetime | None
    ahead: Ahead | None
    next: str


class Pause(Answer):
    """Since when nothing of a type is started."""

    at: datetime
    by: str | None
    reason: str | None


class Defaults(Answer):
    """What a task has that does not say otherwise."""

    max_attempts: int
    timeout_seconds: float


class TaskType(Answer):
    """A task type."""

    name: str
    description: str
    lane: Literal["fast", "long"]
    payload_schema: dict[str, Any]
    defaults: Defaults
    paused: Pause | None


class TaskTypes(Answer):
    """What tasks can be asked for."""

    task_types: list[TaskType]
