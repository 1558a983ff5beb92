"""A redrive: one action on all tasks that match a filter, at a bounded rate.

It reads the owner's tasks once, newest first, and acts on those that existed when it started. A task on which
it has acted no longer matches, so reading a page again is harmless.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from chalicelib.domain.dead_letter_groups import group_id_of_task
from chalicelib.domain.formats import timestamp, to_json
from chalicelib.domain.ids import earliest_id
from chalicelib.domain.task import WAITING, Task, TaskStatus

#: In tasks a second.
DEFAULT_RATE, MAX_RATE = 10, 100


class Action(StrEnum):
    """The action on each task."""

    RETRY = "retry"
    CANCEL = "cancel"


class RedriveStatus(StrEnum):
    """The status of a redrive."""

    RUNNING = "running"
    DONE = "done"  #: it has read all tasks
    ABORTED = "aborted"  #: a caller stopped it
    FAILED = "failed"  #: it failed several times in a row


#: The statuses that a filter may name for each action, and those without one in the filter.
ALLOWED_STATUSES = {
    Action.RETRY: frozenset({TaskStatus.FAILED, TaskStatus.CANCELED, TaskStatus.EXPIRED}),
    Action.CANCEL: WAITING | {TaskStatus.RUNNING},
}
DEFAULT_STATUSES = {
    Action.RETRY: frozenset({TaskStatus.FAILED}),
    Action.CANCEL: ALLOWED_STATUSES[Action.CANCEL],
}


@dataclass(frozen=True, kw_only=True, slots=True)
class RedriveFilter:
    """The tasks to act on. A field that is None matches every task."""

    status: TaskStatus | None = None
    type: str | None = None
    tag: str | None = None
    error_kind: str | None = None
    group: str | None = None  #: the id of a dead-letter group
    created_before: datetime | None = None
    created_after: datetime | None = None

    def view(self) -> dict[str, str]:
        """The public JSON, without absent fields."""
        fields = asdict(self)
        for name in ("created_before", "created_after"):
            fields[name] = timestamp(fields[name])
        return {name: str(value) for name, value in fields.items() if value is not None}

    @classmethod
    def of_view(cls, view: dict[str, str]) -> RedriveFilter:
        """The filter of a view."""
        fields: dict[str, Any] = dict(view)
        for name in ("created_before", "created_after"):
            if name in view:
                fields[name] = datetime.fromisoformat(view[name])
        if "status" in view:
            fields["status"] = TaskStatus(view["status"])
        return cls(**fields)

    def matches(self, task: Task) -> bool:
        """Does `task` match, apart from its status?"""
        kind = None if task.error is None else task.error.kind.value
        return (
            self.type in (None, task.type)
            and (self.tag is None or self.tag in task.tags)
            and self.error_kind in (None, kind)
            and (self.group is None or self.group == group_id_of_task(task))
            and (self.created_before is None or task.created_at < self.created_before)
            and (self.created_after is None or task.created_at > self.created_after)
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class NewRedrive:
    """A request for a redrive."""

    action: Action
    filter: RedriveFilter
    rate: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Counts:
    """The counts of a redrive so far."""

    examined: int = 0  #: tasks that were read
    matched: int = 0  #: tasks that matched the filter
    changed: int = 0  #: matching tasks that were retried or canceled
    skipped: int = 0  #: matching tasks whose status had changed in between
    failed: int = 0  #: matching tasks that other writers changed at each try

    def plus(self, **more: int) -> Counts:
        """The counts with `more` added."""
        return replace(self, **{name: getattr(self, name) + count for name, count in more.items()})


@dataclass(frozen=True, kw_only=True, slots=True)
class Redrive:
    """A redrive as its row stores it."""

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
    position: str | None = None  #: it continues with ids below this
    finished_at: datetime | None = None
    lease: int = 1  #: fencing number: +1 each time a function takes it over
    errors: int = 0  #: failures in a row

    @property
    def running(self) -> bool:
        """Is it still running?"""
        return self.status is RedriveStatus.RUNNING

    @property
    def fingerprint(self) -> str:
        """A hash of action and filter; one redrive with the same hash may run at a time."""
        text = to_json([self.action.value, sorted(self.filter.view().items())])
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def statuses(self) -> frozenset[TaskStatus]:
        """The statuses of the tasks that it acts on."""
        status = self.filter.status
        return DEFAULT_STATUSES[self.action] if status is None else frozenset({status})

    @property
    def start(self) -> str:
        """The upper end of the ids to read: tasks that existed at the start have lower ids."""
        next_ms, before = self.created_at + timedelta(milliseconds=1), self.filter.created_before
        return earliest_id(next_ms if before is None else min(next_ms, before))

    @property
    def end(self) -> str:
        """The lower end of the ids to read: no task with a lower id can match."""
        after = self.filter.created_after
        return "" if after is None else earliest_id(after)

    def matches(self, task: Task) -> bool:
        """Does the redrive act on `task`? For a retry the task must have ended before the redrive started."""
        if task.status not in self.statuses or not self.filter.matches(task):
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


def filter_to_json(redrive_filter: RedriveFilter) -> str:
    """The filter as JSON text."""
    return to_json(redrive_filter.view())


def filter_from_json(text: str) -> RedriveFilter:
    """The filter of a JSON text."""
    return RedriveFilter.of_view(json.loads(text))
