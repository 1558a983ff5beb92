"""Response bodies of tasks and task types: models for the OpenAPI document.

`chalicelib.http.responses` writes responses without these models. A test validates its responses against
them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from chalicelib.domain.explanation import Reason
from chalicelib.domain.task import ErrorKind, TaskStatus


class ResponseModel(BaseModel):
    """A response body has exactly these fields."""

    model_config = ConfigDict(extra="forbid")


class TaskError(ResponseModel):
    """The error of a failed attempt."""

    kind: ErrorKind
    type: str = Field(description="The class of the exception, or the kind.")
    message: str


class Progress(ResponseModel):
    """The last progress that the run reported."""

    percent: float = Field(ge=0, le=100)
    message: str


class Attempt(ResponseModel):
    """One run of a task."""

    number: int = Field(description="1 for the first attempt since the last redrive.")
    lease: int = Field(description="The fencing number of the run.")
    started_at: datetime
    finished_at: datetime | None
    outcome: Literal["running", "succeeded", "failed", "canceled", "snoozed"]
    error: TaskError | None
    next_wait_seconds: float | None = Field(description="The wait before the next attempt.")


class TaskSummary(ResponseModel):
    """A task without its payload, result and attempts, as in lists."""

    id: str
    type: str
    status: TaskStatus
    version: int = Field(description="Grows with every change. Keep the copy with the highest version.")
    error: TaskError | None
    progress: Progress | None
    attempt: int = Field(description="Attempts since the last redrive.")
    max_attempts: int
    timeout_seconds: float = Field(description="The longest silence of a run.")
    tags: list[str]
    created_at: datetime
    updated_at: datetime
    queued_at: datetime | None = Field(description="The time at which it could start.")
    started_at: datetime | None
    finished_at: datetime | None
    run_at: datetime = Field(description="The earliest start of the next attempt.")
    expires_at: datetime | None = Field(description="It expires if it has not started by then.")
    lease_until: datetime | None = Field(description="The end of the lease of the current run.")
    cancel_requested: bool = Field(description="A cancel was requested while it ran.")
    redrive_count: int = Field(description="The number of retries after an end.")
    dead_lettered_at: datetime | None = Field(description="The time at which its dead letter was sent.")


class Task(TaskSummary):
    """A task with its payload, result and attempts."""

    payload: Any = Field(description="Null in a truncated frame.")
    result: Any = Field(description="The value that the task type returned.")
    attempts: list[Attempt]


class Audit(ResponseModel):
    """The subjects who created, canceled and retried a task."""

    owner: str
    created_by: str | None
    canceled_by: str | None
    retried_by: str | None


class FoundTask(Task):
    """A task; for administrators, with its audit."""

    audit: Audit | None = None


class Ticket(ResponseModel):
    """A ticket for one WebSocket connection, and the URL that includes it."""

    ticket: str
    url: str = Field(description="The WebSocket URL with the ticket.")
    expires_at: datetime = Field(description="The end of its validity.")


class CreatedTask(Task):
    """A new task, with a ticket to watch it if the token has `tasks:read`."""

    stream: Ticket | None


class FieldProblem(ResponseModel):
    """A field that is not valid."""

    pointer: str = Field(description="A JSON pointer (RFC 6901).")
    message: str


class Problem(ResponseModel):
    """A problem (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    code: str = Field(description="A stable code for programs.")
    errors: list[FieldProblem] = Field(default=[])


class CreatedOne(ResponseModel):
    """A task of a batch that was created."""

    status: Literal[201]
    task: Task


class RefusedOne(ResponseModel):
    """A task of a batch that was not created."""

    status: int
    problem: Problem


class BatchResults(ResponseModel):
    """The result of each task, in the order of the request."""

    results: list[CreatedOne | RefusedOne]


class TaskPage(ResponseModel):
    """A page of tasks, newest first. Only a null `next_cursor` ends the list."""

    tasks: list[TaskSummary]
    next_cursor: str | None


class Ahead(ResponseModel):
    """Approximate number of messages in the task's queue."""

    count: int
    approximate: Literal[True]


class Explanation(ResponseModel):
    """Why a task is in its status, and what happens next."""

    task_id: str
    status: TaskStatus
    reason: Reason = Field(description="For programs.")
    detail: str = Field(description="The reason, for people.")
    until: datetime | None = Field(description="The time at which it ends, if known.")
    ahead: Ahead | None = Field(description="Messages before it in the queue.")
    next: str = Field(description="The next event, for people.")


class Pause(ResponseModel):
    """The pause of a task type: when, by whom and why."""

    at: datetime
    by: str | None = Field(description="The subject that paused it.")
    reason: str | None


class Defaults(ResponseModel):
    """The values of a task that does not set its own."""

    max_attempts: int
    timeout_seconds: float


class TaskType(ResponseModel):
    """A task type."""

    name: str
    description: str
    lane: Literal["fast", "long"]
    payload_schema: dict[str, Any] = Field(description="The JSON Schema of the payload.")
    defaults: Defaults
    paused: Pause | None = Field(description="Null if tasks of the type start.")


class TaskTypes(ResponseModel):
    """All task types."""

    task_types: list[TaskType]
