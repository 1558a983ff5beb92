"""Dead letters, redrives and statistics as the API answers them: models for its OpenAPI document."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from chalicelib.domain.redrive import Action, RedriveStatus
from chalicelib.http.schemas.requests import DeathKind
from chalicelib.http.schemas.responses import Answer, TaskSummary


class DeadLetterGroup(Answer):
    """Deaths of one cause."""

    id: str
    type: str | None
    kind: DeathKind
    error_type: str
    message: str
    count: int
    first_failed_at: datetime
    last_failed_at: datetime
    task_ids: list[str]


class DeathGroups(Answer):
    """Causes of the deaths in a stretch of the records: add up groups of one id over all pages."""

    groups: list[DeadLetterGroup]
    next_cursor: str | None


class DeadLetter(Answer):
    """A death, or a message that is not ours."""

    key: str
    task_id: str | None
    redrive_count: int
    type: str | None
    kind: DeathKind
    error_type: str
    message: str
    attempt: int
    failed_at: datetime
    recorded_at: datetime


class DeadLetters(Answer):
    """The deaths of one group."""

    dead_letters: list[DeadLetter]
    next_cursor: str | None


class Redrive(Answer):
    """One action on many tasks."""

    id: str
    action: Action
    filter: dict[str, str]
    status: RedriveStatus
    examined: int
    matched: int
    changed: int
    skipped: int
    failed: int
    rate: int
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None
    by: str | None


class DryRun(Answer):
    """What a redrive would act on."""

    matched: int
    more: bool
    sample: list[TaskSummary]


class RedrivePage(Answer):
    """A page of redrives, newest first."""

    redrives: list[Redrive]
    next_cursor: str | None


class Counts(Answer):
    """What happened in a time; about."""

    created: int
    started: int
    succeeded: int
    failed: int
    retried: int
    canceled: int
    expired: int
    mean_wait_ms: int | None
    mean_run_ms: int | None


class Minute(Counts):
    """What happened in a minute."""

    minute: datetime


class Depth(Answer):
    """About how many messages a queue has."""

    ready: int
    delayed: int
    in_flight: int


class Stats(Answer):
    """What happened lately, and what waits."""

    approximate: Literal[True]
    totals: Counts
    minutes: list[Minute]
    queues: dict[str, Depth]


class Health(Answer):
    """The service answers."""

    status: Literal["ok"]
    stage: str
