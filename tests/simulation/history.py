"""The history of a world. Each write is checked when it happens: no single write may break a promise."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from chalicelib.aws.dynamodb.items import read_moment
from chalicelib.aws.dynamodb.task_row import from_row, is_task_row
from chalicelib.domain.pauses import PARKED_CHECK_INTERVAL, parking_bucket_of
from chalicelib.domain.task import TRANSITIONS, Task, TaskStatus
from chalicelib.domain.timing import RESEND_LAST
from chalicelib.services.pauses import MAX_AGE
from tests.simulation.functions import moment
from tests.simulation.work import Step

#: Upper limit of a due time, after the time of its write or after `run_at`.
DUE_WITHIN = RESEND_LAST + timedelta(seconds=125)
#: Clocks differ by up to 10 s, and a response takes up to 3 s.
PAUSE_KNOWN = MAX_AGE + timedelta(seconds=15)


@dataclass(frozen=True, slots=True)
class Change:
    """One write of one task's row."""

    at: int
    writer: str
    old: Task | None
    new: Task | None

    @property
    def claims(self) -> bool:
        """Did an attempt start?"""
        old, new = self.old, self.new
        if old is None or new is None:
            return False
        return new.lease > old.lease and new.status is TaskStatus.RUNNING

    @property
    def fails_for_good(self) -> bool:
        """Did the task fail for good?"""
        old, new = self.old, self.new
        if old is None or new is None:
            return False
        return new.status is TaskStatus.FAILED and old.status is not TaskStatus.FAILED


class History:
    """All changes of rows, and the promises that were broken."""

    def __init__(self, now: Callable[[], int], writer: Callable[[], str]) -> None:
        self.changes: list[Change] = []
        self.rows: dict[str, Task] = {}
        self.records: dict[str, dict[str, Any]] = {}  #: dead-letter records by key
        self.pauses: dict[str, dict[str, Any]] = {}  #: items by type, also of ended pauses
        self.paused_since: dict[str, datetime] = {}  #: by type, while it is paused
        self.resumed: list[tuple[datetime, str]] = []  #: (time, type) of each resume
        self.redrives: dict[str, dict[str, Any]] = {}  #: rows by id
        self.redrive_began: dict[str, int] = {}
        self.broken: list[str] = []
        self.note: Callable[[str], None] = lambda line: None
        self._now = now
        self._writer = writer

    @property
    def writes(self) -> int:
        """How many changes of rows there were."""
        return sum(change.new is not None for change in self.changes)

    def record(self, record: dict[str, Any]) -> None:
        """Check and keep a record of the tasks table's stream."""
        stream = record["dynamodb"]
        if not is_task_row(stream["Keys"]):
            self._other_row(stream["Keys"]["pk"]["S"], stream["Keys"]["sk"]["S"], stream.get("NewImage"))
            return
        old, new = (from_row(stream[name]) if name in stream else None for name in ("OldImage", "NewImage"))
        change = Change(self._now(), self._writer(), old, new)
        self.changes.append(change)
        self.note(f"    {_words(old)} -> {_words(new)}")
        if new is None:
            assert old is not None
            del self.rows[old.id]
        else:
            self.rows[new.id] = new
        for name, check in _CHECKS.items():
            if not check(change):
                self.report_broken(f"{name}: {_words(old)} -> {_words(new)} by {change.writer}")
        if change.claims and new is not None and new.started_at is not None:
            since = self.paused_since.get(new.type)
            if since is not None and new.started_at > since + PAUSE_KNOWN:
                self.report_broken(
                    f"no task of a paused type starts: {_words(new)}, paused since {since:%H:%M:%S}"
                )

    @property
    def due_besides_tasks(self) -> datetime | None:
        """When the sweep has work besides tasks: a bulk redrive, or tasks to unpark after a resume."""
        if any("resumed_at" in pause for pause in self.pauses.values()):
            return moment(self._now())
        return min(
            (read_moment(redrive["due_at"]) for redrive in self.redrives.values() if "due_at" in redrive),
            default=None,
        )

    def _other_row(self, partition: str, key: str, image: dict[str, Any] | None) -> None:
        if partition == "pauses":
            self._pause(key, image)
        elif image is not None and partition.startswith("dead#"):
            self.records[key] = image
        elif image is not None and partition.startswith("redrive#"):
            self.redrives[key] = image
            self.redrive_began.setdefault(key, self._now())
            self.note(f"    redrive {key[-6:]} {image['status']['S']} lease {image['lease']['N']}")

    def _pause(self, name: str, image: dict[str, Any] | None) -> None:
        now = moment(self._now())
        if image is None:
            del self.pauses[name]
        else:
            self.pauses[name] = image
        if image is not None and "resumed_at" not in image:
            self.paused_since.setdefault(name, now)
        elif self.paused_since.pop(name, None) is not None:
            self.resumed.append((now, name))
        self.note(f"    {name} {'is paused' if name in self.paused_since else 'goes on'}")

    def step(self, step: Step) -> None:
        """Check a step of a run: before its deadline, no other attempt may hold the task."""
        row = self.rows.get(step.task_id)
        if step.in_time and (row is None or row.lease != step.lease or row.status is not TaskStatus.RUNNING):
            self.report_broken(f"a run under lease {step.lease} is not alone: {_words(row)}")

    def report_broken(self, promise: str) -> None:
        """Keep a broken promise."""
        self.broken.append(promise)
        self.note(f"BROKEN {promise}")


def _words(task: Task | None) -> str:
    if task is None:
        return "nothing"
    due = "" if task.due_at is None else f" due {task.due_at:%H:%M:%S}"
    flag = " cancel requested" if task.cancel_requested else ""
    return (
        f"{task.id[-6:]} v{task.version} {task.status} lease {task.lease} attempt {task.attempt}"
        f" redrives {task.redrive_count}{due}{flag}"
    )


# --- Checks of one write -----------------------------------------------------------------------------


def _legal(change: Change) -> bool:
    old, new = change.old, change.new
    if old is None:
        return new is not None and new.status in (TaskStatus.QUEUED, TaskStatus.SCHEDULED)
    if new is None:
        return old.terminal and not old.dead_letter_unsent
    return old.status is new.status or new.status in TRANSITIONS[old.status]


def _counted(change: Change) -> bool:
    old, new = change.old, change.new
    if new is None:
        return True
    if old is None:
        return new.version == 1
    before, after = (replace(task, due_at=None, due_bucket=0, version=0) for task in (old, new))
    same = before == after
    if same and new.status is TaskStatus.RUNNING:
        return new.version - old.version in (0, 1)  # a due time moved; or a progress was stored twice
    return new.version == old.version + (0 if same else 1)


def _due(change: Change) -> bool:
    """Due exactly while live, or failed with the dead letter unsent; never late."""
    task = change.new
    if task is None:
        return True
    if task.due_at is None:
        return task.terminal and (task.status is not TaskStatus.FAILED or task.dead_lettered_at is not None)
    if task.terminal and (task.status is not TaskStatus.FAILED or task.dead_lettered_at is not None):
        return False
    if task.waiting and task.expires_at is not None and task.due_at > task.expires_at:
        return False
    latest = max(moment(change.at), task.run_at, task.lease_until or task.run_at) + DUE_WITHIN
    return task.due_at <= latest + (PARKED_CHECK_INTERVAL if task.due_bucket < 0 else timedelta(0))


def _wakes(change: Change) -> bool:
    """A task that begins to wait is due soon after it may start."""
    old, new = change.old, change.new
    if new is None or not new.waiting or (old is not None and old.waiting):
        return True
    return new.due_at is not None and new.due_at <= new.run_at + timedelta(seconds=121)


def _parked(change: Change) -> bool:
    """Only waiting tasks are parked, in the bucket of their type, until the next write."""
    old, new = change.old, change.new
    if new is None or new.due_bucket >= 0:
        return True
    if old is None:
        return False
    if old.due_bucket < 0:
        return new.due_bucket == old.due_bucket
    return new.waiting and new.due_bucket == parking_bucket_of(old.due_bucket, new.type)


def _leased(change: Change) -> bool:
    old, new = change.old, change.new
    if old is None or new is None:
        return True
    if (new.lease_until is not None) != (new.status is TaskStatus.RUNNING):
        return False
    redriven = new.redrive_count == old.redrive_count + 1
    if new.lease != old.lease + int(change.claims or redriven):
        return False
    if old.status is new.status is TaskStatus.RUNNING:
        assert old.lease_until is not None
        assert new.lease_until is not None
        return new.lease_until >= old.lease_until
    return True


def _claimed(change: Change) -> bool:
    """No attempt starts before run_at, after expires_at or beyond max_attempts."""
    old, new = change.old, change.new
    if old is None or new is None or not change.claims:
        return True
    assert new.started_at is not None
    in_time = old.run_at <= new.started_at and (old.expires_at is None or old.expires_at > new.started_at)
    return in_time and old.waiting and new.attempt == old.attempt + 1 <= new.max_attempts


def _fenced(change: Change) -> bool:
    """A run's progress and outcome are stored under its own lease."""
    old, new = change.old, change.new
    if old is None or new is None or old.status is not TaskStatus.RUNNING:
        return True
    if new.status is TaskStatus.RUNNING:
        same = new.progress is None or new.progress == old.progress
        return same or new.progress.message == f"lease {old.lease}"  # type: ignore[union-attr]
    if new.status is TaskStatus.SUCCEEDED and new.result is not None and new.result.text is not None:
        return json.loads(new.result.text)["lease"] == old.lease
    return bool(new.attempts) and new.attempts[-1].lease == old.lease


def _remembers_cancel(change: Change) -> bool:
    """After a cancel request a run ends as canceled or succeeded."""
    old, new = change.old, change.new
    if old is None or new is None or not old.cancel_requested or old.status is not TaskStatus.RUNNING:
        return True
    return new.status in (TaskStatus.RUNNING, TaskStatus.CANCELED, TaskStatus.SUCCEEDED)


def _fresh(change: Change) -> bool:
    """A redrive removes every attribute that could end the redriven task."""
    old, new = change.old, change.new
    if old is None or new is None or new.redrive_count == old.redrive_count:
        return True
    clean = new.ttl is None and new.expires_at is None and not new.cancel_requested
    bare = (new.result, new.error, new.finished_at, new.dead_lettered_at) == (None, None, None, None)
    announced = old.status is not TaskStatus.FAILED or old.due_at is None
    return clean and bare and announced and new.attempt == 0 and new.redrive_count == old.redrive_count + 1


def _kept(change: Change) -> bool:
    """Exactly the finished tasks have a `ttl`."""
    return change.new is None or (change.new.ttl is not None) == change.new.terminal


def _expired(change: Change) -> bool:
    new, old = change.new, change.old
    if new is None or old is None or new.status is not TaskStatus.EXPIRED or old.status is TaskStatus.EXPIRED:
        return True
    if new.expires_at is None:
        return False
    return new.expires_at - timedelta(seconds=20) <= _by(change) <= new.expires_at + timedelta(minutes=15)


def _rescued(change: Change) -> bool:
    """The sweep ends a lease only when it has ended, give or take the clock difference."""
    old, new = change.old, change.new
    if old is None or new is None or old.status is not TaskStatus.RUNNING or new.status is TaskStatus.RUNNING:
        return True
    if not change.writer.startswith("sweep"):
        return True
    assert old.lease_until is not None
    return old.lease_until <= _by(change) + timedelta(seconds=15)


def _by(change: Change) -> datetime:
    return moment(change.at)


_CHECKS: dict[str, Callable[[Change], bool]] = {
    "a status follows another as docs/reference/states.md draws it": _legal,
    "each public change adds 1 to the version": _counted,
    "a live task is due, and a finished one is not": _due,
    "a waiting task is due in time": _wakes,
    "a parked task waits": _parked,
    "claims and redrives add 1 to the lease, and leases only grow": _leased,
    "an attempt starts only when it may": _claimed,
    "progress and outcome are stored under the run's lease": _fenced,
    "a cancel request is not forgotten": _remembers_cancel,
    "a redrive removes what could end the task": _fresh,
    "exactly the finished tasks have a ttl": _kept,
    "a task expires neither early nor late": _expired,
    "a held lease is not taken": _rescued,
}
