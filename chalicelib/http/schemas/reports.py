"""Response bodies of dead letters, redrives and statistics: models for the OpenAPI document."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from chalicelib.domain.redrive import Action, RedriveStatus
from chalicelib.http.schemas.requests import DeadLetterKind
from chalicelib.http.schemas.responses import ResponseModel, TaskSummary


class DeadLetterGroup(ResponseModel):
    """Dead letters of one cause."""

    id: str
    type: str | None
    kind: DeadLetterKind
    error_type: str
    message: str = Field(description="The error message of one of them.")
    count: int = Field(description="On this page.")
    first_failed_at: datetime
    last_failed_at: datetime
    task_ids: list[str] = Field(description="Some of its tasks.")


class DeadLetterGroups(ResponseModel):
    """A page of dead letters, grouped by cause. Groups of one id on several pages add up."""

    groups: list[DeadLetterGroup]
    next_cursor: str | None


class DeadLetter(ResponseModel):
    """A task that failed for good, or a message that is not this service's."""

    key: str = Field(description="Task id and redrive count.")
    task_id: str | None
    redrive_count: int
    type: str | None
    kind: DeadLetterKind
    error_type: str
    message: str
    attempt: int
    failed_at: datetime = Field(description="The time of the failure.")
    recorded_at: datetime = Field(description="The time at which it was listed.")


class DeadLetters(ResponseModel):
    """A page of the dead letters of one group."""

    dead_letters: list[DeadLetter]
    next_cursor: str | None


class Redrive(ResponseModel):
    """One action on many tasks."""

    id: str
    action: Action
    filter: dict[str, str]
    status: RedriveStatus
    examined: int = Field(description="Tasks that were read.")
    matched: int = Field(description="Tasks that match the filter.")
    changed: int = Field(description="Tasks that were retried or canceled.")
    skipped: int = Field(description="Tasks that changed meanwhile.")
    failed: int = Field(description="Tasks that could not be changed.")
    rate: int = Field(description="Tasks per second.")
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None
    by: str | None = Field(description="The subject that started it.")


class DryRun(ResponseModel):
    """The tasks that a redrive would change."""

    matched: int
    more: bool = Field(description="More tasks match than were counted.")
    sample: list[TaskSummary] = Field(description="Some of the tasks.")


class RedrivePage(ResponseModel):
    """A page of redrives, newest first."""

    redrives: list[Redrive]
    next_cursor: str | None


class Counts(ResponseModel):
    """Approximate counts of a period."""

    created: int
    started: int
    succeeded: int
    failed: int
    retried: int
    canceled: int
    expired: int
    mean_wait_ms: int | None = Field(description="From the possible start to the start.")
    mean_run_ms: int | None = Field(description="From the start to the end.")


class Minute(Counts):
    """Approximate counts of one minute."""

    minute: datetime


class Depth(ResponseModel):
    """Approximate numbers of messages in a queue."""

    ready: int = Field(description="May be received now.")
    delayed: int = Field(description="Are sent with a delay.")
    in_flight: int = Field(description="Are received and not deleted.")


class Stats(ResponseModel):
    """Recent counts, and the lengths of the queues."""

    approximate: Literal[True]
    totals: Counts
    minutes: list[Minute]
    queues: dict[str, Depth]


class Health(ResponseModel):
    """The service responds."""

    status: Literal["ok"]
    stage: str
