"""A redrive: one action on all tasks that fit a filter, at a bounded rate.

It goes through the owner's tasks once, newest first, and acts on those that were there when it started. What
it did to a task takes the task out of its own reach, so that going over a stretch again does no harm.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from chalicelib.domain.dead_letter_groups import group_of_task
from chalicelib.domain.formats import timestamp, to_json
from chalicelib.domain.ids import earliest_id
from chalicelib.domain.task import WAITING, Task, TaskStatus

#: Tasks a second.
DEFAULT_RATE, MOST_RATE = 10, 100


class Action(StrEnum):
    """What is done to each task."""

    RETRY = "retry"
    CANCEL = "cancel"


class RedriveStatus(StrEnum):
    """Where a redrive stands."""

    RUNNING = "running"
    DONE = "done"  #: it went through all tasks
    ABORTED = "aborted"  #: somebody stopped it
    FAILED = "failed"  #: it could not go on, several times in a row


#: The statuses that each action is for; the default is what it acts on when the filter does not say.
ALLOWED = {
    Action.RETRY: frozenset({TaskStatus.FAILED, TaskStatus.CANCELED, TaskStatus.EXPIRED}),
    Action.CANCEL: WAITING | {TaskStatus.RUNNING},
}
DEFAULT = {Action.RETRY: frozenset({TaskStatus.FAILED}), Action.CANCEL: ALLOWED[Action.CANCEL]}


@dataclass(frozen=True, kw_only=True, slots=True)
class RedriveFilter:
    """Which tasks; what is None does not matter."""

    status: TaskStatus | None = None
    type: str | None = None
    tag: str | None = None
    error_kind: str | None = None
    group: str | None = None  #: of deaths
    created_before: datetime | None = None
    created_after: datetime | None = None

    def view(self) -> dict[str, str]:
        """The public JSON: what was given."""
        plain = asdict(self)
        for name in ("created_before", "created_after"):
            plain[name] = timestamp(plain[name])
        return {name: str(value) for name, value in plain.items() if value is not None}

    @classmethod
    def of_view(cls, plain: dict[str, str]) -> RedriveFilter:
        """The filter that a view was made of."""
        values: dict[str, Any] = dict(plain)
        for name in ("created_before", "created_after"):
            if name in plain:
                values[name] = datetime.fromisoformat(plain[name])
        if "status" in plain:
            values["status"] = TaskStatus(plain["status"])
        return cls(**values)

    def fits(self, task: Task) -> bool:
        """Is `task` one of them, whatever its status?"""
        kind = None if task.error is None else task.error.kind.value
        return (
            self.type in (None, task.type)
            and (self.tag is None or self.tag in task.tags)
            and self.error_kind in (None, kind)
            and (self.group is None or self.group == group_of_task(task))
            and (self.created_before is None or task.created_at < self.created_before)
            and (self.created_after is None or task.created_at > self.created_after)
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What a client asks for."""

    action: Action
    filter: RedriveFilter
    rate: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Counts:
    """What a redrive has done so far."""

    examined: int = 0  #: tasks looked at
    matched: int = 0  #: tasks that fit the filter
    changed: int = 0  #: of these: retried or canceled
    skipped: int = 0  #: moved on by themselves in between
    failed: int = 0  #: changed too fast to be caught

    def plus(self, **more: int) -> Counts:
        """The counts with some of them higher."""
        return replace(self, **{name: getattr(self, name) + count for name, count in more.items()})


@dataclass(frozen=True, kw_only=True, slots=True)
class Redrive:
    """A redrive as its row holds it."""

    id: str
    owner: str
    action: Action
    filter: RedriveFilter
    rate: int  #: tasks a second
    created_at: datetime
    updated_at: datetime
    by: str | None = None
    status: RedriveStatus = RedriveStatus.RUNNING
    counts: Counts = field(default_factory=Counts)
    position: str | None = None  #: it goes on with ids below this
    finished_at: datetime | None = None
    lease: int = 1  #: fencing number: +1 each time that a function takes it on
    errors: int = 0  #: times in a row that it could not go on

    @property
    def running(self) -> bool:
        """Is there something left to do?"""
        return self.status is RedriveStatus.RUNNING

    @property
    def fingerprint(self) -> str:
        """The same for redrives that do the same."""
        text = to_json([self.action.value, sorted(self.filter.view().items())])
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def statuses(self) -> frozenset[TaskStatus]:
        """The statuses of the tasks that it acts on."""
        return DEFAULT[self.action] if self.filter.status is None else frozenset({self.filter.status})

    @property
    def start(self) -> str:
        """All tasks that were there when it started, and may fit, have ids below this."""
        now, before = self.created_at + timedelta(milliseconds=1), self.filter.created_before
        return earliest_id(now if before is None else min(now, before))

    @property
    def end(self) -> str:
        """No task with an id below this may fit."""
        after = self.filter.created_after
        return "" if after is None else earliest_id(after)

    def matches(self, task: Task) -> bool:
        """Is the action for `task`, as it stood when the redrive started?"""
        if task.status not in self.statuses or not self.filter.fits(task):
            return False
        if self.action is Action.RETRY:
            # guard: bulk-redrive.ended-before
            return task.finished_at is not None and task.finished_at <= self.created_at
        return not task.cancel_requested

    def view(self) -> dict[str, Any]:
        """The public JSON."""
        return {
            "id": self.id,
            "action": self.action.value,
            "filter": self.filter.view(),
            "status": self.status.value,
            **asdict(self.counts),
            "rate": self.rate,
            "created_at": timestamp(self.created_at),
            "updated_at": timestamp(self.updated_at),
            "finished_at": timestamp(self.finished_at),
            "by": self.by,
        }


def filter_to_json(chosen: RedriveFilter) -> str:
    """The filter as text."""
    return to_json(chosen.view())


def filter_from_json(text: str) -> RedriveFilter:
    """The filter in a text."""
    return RedriveFilter.of_view(json.loads(text))
