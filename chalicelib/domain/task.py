"""A task, its states and every change that it can go through; `docs/reference/states.md` draws them.

`Task` is a value: a method returns the changed task, and the caller stores it under the condition that
`docs/explanation/protocol.md` names. `version` does not change here: every write of a change adds one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from chalicelib.domain.documents import Document
from chalicelib.domain.errors import TransitionNotAllowed

#: How many finished attempts a task remembers.
ATTEMPTS_KEPT = 25
#: An error's message is cut to this many bytes.
ERROR_MESSAGE_LIMIT_BYTES = 1024


class TaskStatus(StrEnum):
    """Where a task stands."""

    SCHEDULED = "scheduled"  #: waits for its run_at; a claim or the sweep moves it on
    QUEUED = "queued"  #: may start now; a claim moves it on
    RETRYING = "retrying"  #: failed, waits for its run_at; a claim moves it on
    RUNNING = "running"  #: a worker holds the lease and moves it on; the sweep does when the lease is out
    SUCCEEDED = "succeeded"  #: final
    FAILED = "failed"  #: ended with an error; a retry by its owner moves it on
    CANCELED = "canceled"  #: ended by its owner or its task type; a retry moves it on
    EXPIRED = "expired"  #: was not started before expires_at; a retry moves it on


_S = TaskStatus
WAITING = frozenset({_S.SCHEDULED, _S.QUEUED, _S.RETRYING})
TERMINAL = frozenset({_S.SUCCEEDED, _S.FAILED, _S.CANCELED, _S.EXPIRED})

#: Every change of status that can happen; docs/reference/states.md draws it and a test holds the two equal.
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

    EXCEPTION = "exception"  #: the task type raised
    TIMEOUT = "timeout"  #: it ran past its timeout
    CRASHED = "crashed"  #: its worker vanished in the middle
    POISON = "poison"  #: its message was delivered again and again and no worker ever started it
    REJECTED = "rejected"  #: its input was refused for good


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskError:
    """What went wrong, in words for people and a kind and type for machines."""

    kind: ErrorKind
    type: str  #: the exception's class, or the kind again when there was none
    message: str

    @classmethod
    def of(cls, kind: ErrorKind, message: str, type: str | None = None) -> TaskError:  # noqa: A002 - the field's name
        """An error whose message is cut to ERROR_MESSAGE_LIMIT_BYTES of valid UTF-8."""
        cut = message.encode("utf-8", "replace")[:ERROR_MESSAGE_LIMIT_BYTES].decode("utf-8", "ignore")
        return cls(kind=kind, type=type or kind.value, message=cut)


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """How far a run has come, as it says itself."""

    percent: float  #: 0 to 100
    message: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    """One run that was started."""

    number: int
    lease: int
    started_at: datetime
    finished_at: datetime | None  #: None while it runs
    outcome: str  #: running, succeeded, failed, canceled or snoozed
    error: TaskError | None = None
    next_wait_seconds: float | None = None  #: until the next attempt, when there is one


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """A task as its row holds it. All times are aware UTC, to the millisecond."""

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
    version: int = 1  #: +1 in the same write as any public change
    lease: int = 0  #: fencing number: +1 at every claim and redrive, never reset
    attempt: int = 0  #: counted attempts of this life
    redrive_count: int = 0  #: the number of this life; with the id it names a death
    tags: tuple[str, ...] = ()
    result: Document | None = None
    error: TaskError | None = None
    progress: Progress | None = None
    attempts: tuple[Attempt, ...] = ()  #: finished ones, oldest first
    queued_at: datetime | None = None
    started_at: datetime | None = None  #: start of the newest attempt
    finished_at: datetime | None = None
    expires_at: datetime | None = None  #: it must have started by then
    lease_until: datetime | None = None  #: only while running
    cancel_requested: bool = False
    dead_lettered_at: datetime | None = None
    due_at: datetime | None = None  #: when the sweep must look: while live or with a dead letter unsent
    due_bucket: int = 0  #: partition of the due index
    ttl: datetime | None = None  #: when a finished task is removed
    correlation_id: str | None = None  #: follows the task through every log
    created_by: str | None = None  #: subject of the token that asked for it; for audits, as the next two
    canceled_by: str | None = None
    retried_by: str | None = None

    @property
    def waiting(self) -> bool:
        """Has it yet to be claimed?"""
        return self.status in WAITING

    @property
    def terminal(self) -> bool:
        """Has it ended?"""
        return self.status in TERMINAL

    @property
    def death(self) -> str:
        """The name of this life's death: the key of its dead letter."""
        return f"{self.id}#{self.redrive_count}"

    @property
    def dead_letter_unsent(self) -> bool:
        """Is it dead without its dead letter on the way?"""
        return self.status is TaskStatus.FAILED and self.due_at is not None

    def due(self, moment: datetime) -> datetime:
        """`moment`, or expires_at where that is sooner: a task must not expire late."""
        # guard: due.not-after-expires-at
        return moment if self.expires_at is None else min(moment, self.expires_at)

    # --- What the owner asks for -------------------------------------------------------------

    def cancel(self, now: datetime, keep: timedelta, by: str | None = None) -> Task:
        """Canceled when it waits; with cancel_requested when it runs, which is asked once only.

        Raises: TransitionNotAllowed.
        """
        if self.status is TaskStatus.RUNNING:
            asked = replace(self, cancel_requested=True, canceled_by=by, updated_at=now)
            return self if self.cancel_requested else asked
        if not self.waiting:
            raise TransitionNotAllowed(f"The task is {self.status}: only a live task can be canceled.")
        return replace(self._ended(TaskStatus.CANCELED, now, keep), canceled_by=by)

    def redrive(self, now: datetime, grace: timedelta, by: str | None = None) -> Task:
        """The next life of a task that ended without success. Raises: TransitionNotAllowed."""
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

    # --- What the worker records: `self` is the claimed task ----------------------------------

    def succeed(self, now: datetime, result: Document, keep: timedelta) -> Task:
        """Succeeded with its result."""
        after = self._ran(now, "succeeded")._ended(TaskStatus.SUCCEEDED, now, keep)
        return replace(after, result=result, error=None)

    def fail(self, now: datetime, error: TaskError, keep: timedelta) -> Task:
        """Failed for good; due at once, because its dead letter has yet to be sent."""
        after = self._ran(now, "failed", error)._ended(TaskStatus.FAILED, now, keep)
        return replace(after, error=error, due_at=now)  # guard: fail.due-until-dead-letter

    def retry_later(self, now: datetime, error: TaskError, wait: timedelta, wake_after: timedelta) -> Task:
        """Failed, to be tried again after `wait`; the sweep looks `wake_after` later than that."""
        after = self._ran(now, "failed", error, wait)
        return after._waits(TaskStatus.RETRYING, now, wait, wake_after, error)

    def snooze(self, now: datetime, wait: timedelta, wake_after: timedelta) -> Task:
        """Put off by its task type: the attempt is given back."""
        after = self._ran(now, "snoozed", wait=wait)
        after = replace(after, attempt=self.attempt - 1)  # guard: snooze.returns-attempt
        return after._waits(TaskStatus.SCHEDULED, now, wait, wake_after, self.error)

    def stop(self, now: datetime, keep: timedelta, error: TaskError | None = None) -> Task:
        """Canceled while it ran, by its task type or because a cancel was requested."""
        after = self._ran(now, "canceled", error)
        return after._ended(TaskStatus.CANCELED, now, keep)

    # --- What the sweep and the monitor find --------------------------------------------------

    def expire(self, now: datetime, keep: timedelta) -> Task:
        """Expired: nobody started it in time."""
        return self._ended(TaskStatus.EXPIRED, now, keep)

    def look_again(self, now: datetime, due_at: datetime) -> Task:
        """To be looked at again at `due_at`; a scheduled task whose time has come is queued."""
        if self.status is TaskStatus.SCHEDULED and self.run_at <= now:
            return replace(self, status=TaskStatus.QUEUED, queued_at=now, updated_at=now, due_at=due_at)
        return replace(self, due_at=due_at)

    def fail_as_poison(self, now: datetime, error: TaskError, keep: timedelta) -> Task:
        """Failed although no run ended: its message was poison."""
        return replace(self._ended(TaskStatus.FAILED, now, keep), error=error, due_at=now)

    def dead_lettered(self, now: datetime) -> Task:
        """Its dead letter is on the way; nothing is left to do."""
        return replace(self, dead_lettered_at=now, updated_at=now, due_at=None)

    # --- The pieces ---------------------------------------------------------------------------

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
        assert self.started_at is not None, "a run that ends was started by a claim"
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
    """A conditional write that did not apply: somebody moved the task first."""

    current: Task | None  #: the row as it is; None when it is gone
