"""A task, its statuses and its transitions; `docs/reference/states.md` draws them.

`Task` is a value: a method returns the changed task, and the caller stores it under the condition that
`docs/explanation/protocol.md` names. The same write adds one to `version`; no method here does.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from chalicelib.domain.documents import Document
from chalicelib.domain.errors import TransitionNotAllowed

#: The most finished attempts that a task keeps.
ATTEMPTS_KEPT = 25
#: The longest message of an error; longer ones are cut.
ERROR_MESSAGE_LIMIT_BYTES = 1024


class TaskStatus(StrEnum):
    """The status of a task, and what changes it."""

    SCHEDULED = "scheduled"  #: waits for run_at; a claim or the sweep ends it
    QUEUED = "queued"  #: may start now; a claim ends it
    RETRYING = "retrying"  #: failed and waits for run_at; a claim ends it
    RUNNING = "running"  #: a worker holds the lease and ends it; the sweep does when the lease has ended
    SUCCEEDED = "succeeded"  #: final
    FAILED = "failed"  #: ended with an error; a retry queues it again
    CANCELED = "canceled"  #: ended by its owner or its task type; a retry queues it again
    EXPIRED = "expired"  #: did not start before expires_at; a retry queues it again


_S = TaskStatus
WAITING = frozenset({_S.SCHEDULED, _S.QUEUED, _S.RETRYING})
TERMINAL = frozenset({_S.SUCCEEDED, _S.FAILED, _S.CANCELED, _S.EXPIRED})

#: Every possible change of status. A test holds docs/reference/states.md equal to it.
TRANSITIONS: dict[TaskStatus, frozenset[TaskStatus]] = {
    _S.SCHEDULED: frozenset({_S.QUEUED, _S.RUNNING, _S.FAILED, _S.CANCELED, _S.EXPIRED}),
    _S.QUEUED: frozenset({_S.RUNNING, _S.FAILED, _S.CANCELED, _S.EXPIRED}),
    _S.RETRYING: frozenset({_S.RUNNING, _S.FAILED, _S.CANCELED, _S.EXPIRED}),
    _S.RUNNING: frozenset({_S.SUCCEEDED, _S.FAILED, _S.CANCELED, _S.RETRYING, _S.SCHEDULED}),
    _S.SUCCEEDED: frozenset(),
    _S.FAILED: frozenset({_S.QUEUED}),
    _S.CANCELED: frozenset({_S.QUEUED}),
    _S.EXPIRED: frozenset({_S.QUEUED}),
}


class ErrorKind(StrEnum):
    """Why a run failed."""

    EXCEPTION = "exception"  #: the task type raised an exception
    TIMEOUT = "timeout"  #: the run exceeded its timeout
    CRASHED = "crashed"  #: the worker died during the run
    POISON = "poison"  #: its message was delivered ten times, and no worker claimed it
    REJECTED = "rejected"  #: its input was refused


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskError:
    """An error: a message for people, a kind and a type for machines."""

    kind: ErrorKind
    type: str  #: the exception's class; the kind again if there is none
    message: str

    @classmethod
    def of(cls, kind: ErrorKind, message: str, type: str | None = None) -> TaskError:  # noqa: A002 - the field's name
        """An error with at most ERROR_MESSAGE_LIMIT_BYTES of `message`, in valid UTF-8."""
        cut = message.encode("utf-8", "replace")[:ERROR_MESSAGE_LIMIT_BYTES].decode("utf-8", "ignore")
        return cls(kind=kind, type=type or kind.value, message=cut)


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """The progress that a run reported."""

    percent: float  #: 0 to 100
    message: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    """One run of the task."""

    number: int
    lease: int
    started_at: datetime
    finished_at: datetime | None  #: None while it runs
    outcome: str  #: running, succeeded, failed, canceled or snoozed
    error: TaskError | None = None
    next_wait_seconds: float | None = None  #: the wait before the next attempt, if there is one


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """A task as its row stores it. All times are aware UTC, to the millisecond."""

    id: str
    owner: str
    type: str
    status: TaskStatus
    payload: Document
    max_attempts: int
    timeout_seconds: float
    created_at: datetime
    updated_at: datetime
    run_at: datetime  #: earliest start of the next attempt
    version: int = 1  #: +1 in the same write as each public change
    lease: int = 0  #: fencing number: +1 at every claim and redrive, never reset
    attempt: int = 0  #: attempts since the last redrive; a snoozed one does not count
    redrive_count: int = 0  #: redrives so far; with the id it is the dead-letter key
    tags: tuple[str, ...] = ()
    result: Document | None = None
    error: TaskError | None = None
    progress: Progress | None = None
    attempts: tuple[Attempt, ...] = ()  #: finished ones, oldest first
    queued_at: datetime | None = None
    started_at: datetime | None = None  #: start of the newest attempt
    finished_at: datetime | None = None
    expires_at: datetime | None = None  #: the task must start before this
    lease_until: datetime | None = None  #: only while running
    cancel_requested: bool = False
    dead_lettered_at: datetime | None = None
    due_at: datetime | None = (
        None  #: when the sweep must act; set while live, or until the dead letter is sent
    )
    due_bucket: int = 0  #: partition of the due index
    ttl: datetime | None = None  #: when a finished task is deleted
    correlation_id: str | None = None  #: identifies the task in every log
    created_by: str | None = None  #: for audits, like the next two: the subject of the token
    canceled_by: str | None = None
    retried_by: str | None = None

    @property
    def waiting(self) -> bool:
        """Does it wait for a claim?"""
        return self.status in WAITING

    @property
    def terminal(self) -> bool:
        """Has it ended?"""
        return self.status in TERMINAL

    @property
    def dead_letter_key(self) -> str:
        """The key of the dead letter of a failure since the last redrive."""
        return f"{self.id}#{self.redrive_count}"

    @property
    def dead_letter_unsent(self) -> bool:
        """Has it failed without its dead letter being sent?"""
        return self.status is TaskStatus.FAILED and self.due_at is not None

    def due(self, moment: datetime) -> datetime:
        """`moment`, or `expires_at` if that is earlier: a task must not expire late."""
        # guard: due.not-after-expires-at
        return moment if self.expires_at is None else min(moment, self.expires_at)

    # --- Requests of the owner ---------------------------------------------------------------

    def cancel(self, now: datetime, keep: timedelta, by: str | None = None) -> Task:
        """Canceled if it waits; with `cancel_requested` if it runs, unchanged if that is already set.

        Raises: TransitionNotAllowed.
        """
        if self.status is TaskStatus.RUNNING:
            requested = replace(self, cancel_requested=True, canceled_by=by, updated_at=now)
            return self if self.cancel_requested else requested
        if not self.waiting:
            raise TransitionNotAllowed(f"The task is {self.status}: only a live task can be canceled.")
        return replace(self._ended(TaskStatus.CANCELED, now, keep), canceled_by=by)

    def redrive(self, now: datetime, grace: timedelta, by: str | None = None) -> Task:
        """Queued again after an end without success. Raises: TransitionNotAllowed."""
        if self.status not in (TaskStatus.FAILED, TaskStatus.CANCELED, TaskStatus.EXPIRED):
            raise TransitionNotAllowed(f"The task is {self.status}: only an unsuccessful one can be retried.")
        return replace(
            self,
            status=TaskStatus.QUEUED,
            lease=self.lease + 1,  # guard: redrive.counts-lease
            redrive_count=self.redrive_count + 1,
            attempt=0,  # guard: redrive.resets-attempt
            run_at=now,
            due_at=now + grace,  # guard: redrive.due
            queued_at=now,
            updated_at=now,
            cancel_requested=False,  # guard: redrive.removes-cancel-requested
            expires_at=None,  # guard: redrive.removes-expires-at
            ttl=None,  # guard: redrive.removes-ttl
            dead_lettered_at=None,
            result=None,
            error=None,
            progress=None,
            started_at=None,
            finished_at=None,
            retried_by=by,
        )

    # --- Outcomes that the worker records; `self` is the claimed task -------------------------

    def succeed(self, now: datetime, result: Document, keep: timedelta) -> Task:
        """Succeeded with its result."""
        after = self._ran(now, "succeeded")._ended(TaskStatus.SUCCEEDED, now, keep)
        return replace(after, result=result, error=None)

    def fail(self, now: datetime, error: TaskError, keep: timedelta) -> Task:
        """Failed for good; due at once, until its dead letter is sent."""
        after = self._ran(now, "failed", error)._ended(TaskStatus.FAILED, now, keep)
        return replace(after, error=error, due_at=now)  # guard: fail.due-until-dead-letter

    def retry_later(self, now: datetime, error: TaskError, wait: timedelta, wake_after: timedelta) -> Task:
        """Retrying after `wait`; the sweep checks it `wake_after` after that."""
        after = self._ran(now, "failed", error, wait)
        return after._waits(TaskStatus.RETRYING, now, wait, wake_after, error)

    def snooze(self, now: datetime, wait: timedelta, wake_after: timedelta) -> Task:
        """Scheduled again by its task type; the attempt does not count."""
        after = self._ran(now, "snoozed", wait=wait)
        after = replace(after, attempt=self.attempt - 1)  # guard: snooze.returns-attempt
        return after._waits(TaskStatus.SCHEDULED, now, wait, wake_after, self.error)

    def stop(self, now: datetime, keep: timedelta, error: TaskError | None = None) -> Task:
        """Canceled during a run, by its task type or after a cancel request."""
        after = self._ran(now, "canceled", error)
        return after._ended(TaskStatus.CANCELED, now, keep)

    # --- Changes by the sweep and the dead-letter monitor -------------------------------------

    def expire(self, now: datetime, keep: timedelta) -> Task:
        """Expired: it did not start in time."""
        return self._ended(TaskStatus.EXPIRED, now, keep)

    def check_again(self, now: datetime, due_at: datetime) -> Task:
        """Due at `due_at`. A scheduled task becomes queued once its `run_at` has come."""
        if self.status is TaskStatus.SCHEDULED and self.run_at <= now:
            return replace(self, status=TaskStatus.QUEUED, queued_at=now, updated_at=now, due_at=due_at)
        return replace(self, due_at=due_at)

    def fail_as_poison(self, now: datetime, error: TaskError, keep: timedelta) -> Task:
        """Failed without a run, because no worker could claim it."""
        return replace(self._ended(TaskStatus.FAILED, now, keep), error=error, due_at=now)

    def dead_lettered(self, now: datetime) -> Task:
        """With its dead letter sent; the sweep has nothing more to do."""
        return replace(self, dead_lettered_at=now, updated_at=now, due_at=None)

    # --- Parts of the transitions -------------------------------------------------------------

    def _ended(self, status: TaskStatus, now: datetime, keep: timedelta) -> Task:
        return replace(
            self,
            status=status,
            finished_at=now,
            updated_at=now,
            ttl=now + keep,
            due_at=None,
            lease_until=None,
        )

    def _waits(
        self,
        status: TaskStatus,
        now: datetime,
        wait: timedelta,
        wake_after: timedelta,
        error: TaskError | None,
    ) -> Task:
        run_at = now + wait
        return replace(
            self,
            status=status,
            run_at=run_at,
            due_at=self.due(run_at + wake_after),  # guard: retry-later.due
            updated_at=now,
            lease_until=None,
            error=error,
        )

    def _ran(
        self, now: datetime, outcome: str, error: TaskError | None = None, wait: timedelta | None = None
    ) -> Task:
        assert self.started_at is not None, "a claim sets started_at"
        entry = Attempt(
            number=self.attempt,
            lease=self.lease,
            started_at=self.started_at,
            finished_at=now,
            outcome=outcome,
            error=error,
            next_wait_seconds=None if wait is None else wait.total_seconds(),
        )
        return replace(self, attempts=(*self.attempts, entry)[-ATTEMPTS_KEPT:])


@dataclass(frozen=True, kw_only=True, slots=True)
class Conflict:
    """The answer to a refused conditional write: another writer changed the task first."""

    current: Task | None  #: the row as it is now; None if it was deleted
