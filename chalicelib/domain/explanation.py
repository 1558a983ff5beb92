"""Why a task is not running, or not done, and what happens next: in a code and in words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from chalicelib.domain.formats import timestamp
from chalicelib.domain.pauses import Pause
from chalicelib.domain.task import Task, TaskStatus


class Reason(StrEnum):
    """Where a task stands, and why."""

    SCHEDULED = "scheduled"  #: it is to start later
    BACKING_OFF = "backing_off"  #: it failed, and waits for its next attempt
    SNOOZED = "snoozed"  #: its task type put it off
    WAITING_IN_QUEUE = "waiting_in_queue"  #: it may start as soon as a worker takes it
    TYPE_PAUSED = "type_paused"  #: nothing of its task type is started for now
    RUNNING = "running"  #: a worker holds its lease
    CANCEL_REQUESTED = "cancel_requested"  #: a worker holds its lease, and was asked to stop
    OVERDUE = "overdue"  #: what should have happened did not: the sweep is about to act
    ANNOUNCING_DEATH = "announcing_death"  #: it failed, and its dead letter is not yet on its way
    FINISHED = "finished"  #: nothing more happens by itself


@dataclass(frozen=True, kw_only=True, slots=True)
class Explanation:
    """An answer to "why is it not running yet?"."""

    reason: Reason
    detail: str  #: one sentence
    next: str  #: one sentence: what happens next, and when
    until: datetime | None = None  #: when that is over, as far as anybody knows

    @property
    def in_queue(self) -> bool:
        """Does it wait behind others?"""
        return self.reason is Reason.WAITING_IN_QUEUE

    def view(self, task: Task, ahead: int | None) -> dict[str, Any]:
        """The public JSON; `ahead` is about how many messages wait in the task's queue."""
        return {
            "task_id": task.id,
            "status": task.status.value,
            "reason": self.reason.value,
            "detail": self.detail,
            "until": timestamp(self.until),
            "ahead": None if ahead is None else {"count": ahead, "approximate": True},
            "next": self.next,
        }


def explain(task: Task, now: datetime, pause: Pause | None = None) -> Explanation:
    """Where `task` stands, whose type is paused when there is a `pause`."""
    if task.terminal:
        return _ended(task)
    if task.status is TaskStatus.RUNNING:
        return _running(task, now)
    return _waiting(task, now, pause)


def _ended(task: Task) -> Explanation:
    if task.dead_letter_unsent:
        return Explanation(
            reason=Reason.ANNOUNCING_DEATH,
            detail="The task failed for good, and its dead letter is not yet on its way.",
            next="The sweep, which runs every minute, sends it; an alert follows within five minutes.",
        )
    by_hand = "" if task.status is TaskStatus.SUCCEEDED else " POST /tasks/{id}/retry gives it a new life."
    return Explanation(
        reason=Reason.FINISHED,
        detail=f"The task is {task.status.value} since {timestamp(task.finished_at)}.",
        next=f"Nothing happens by itself; it is removed at {timestamp(task.ttl)}.{by_hand}",
    )


def _running(task: Task, now: datetime) -> Explanation:
    until = timestamp(task.lease_until)
    if task.lease_until is None or task.lease_until <= now:
        verdict = "canceled" if task.cancel_requested else _after_a_crash(task)
        return Explanation(
            reason=Reason.OVERDUE,
            detail=f"The lease of attempt {task.attempt} ended at {until}, and its worker recorded nothing.",
            next=f"The sweep, which runs every minute, takes the lease back: the task is {verdict}.",
        )
    if task.cancel_requested:
        return Explanation(
            reason=Reason.CANCEL_REQUESTED,
            detail=f"Attempt {task.attempt} runs and was asked to stop; it sees that as it reports progress.",
            next=f"It is canceled when the run stops or fails, or when its lease ends at {until}.",
            until=task.lease_until,
        )
    return Explanation(
        reason=Reason.RUNNING,
        detail=f"Attempt {task.attempt} of {task.max_attempts} runs since {timestamp(task.started_at)}.",
        next=f"It ends or reports progress before {until}; else it is {_after_a_crash(task)}.",
        until=task.lease_until,
    )


def _after_a_crash(task: Task) -> str:
    return "retried" if task.attempt < task.max_attempts else "failed, because this was its last attempt"


def _waiting(task: Task, now: datetime, pause: Pause | None) -> Explanation:
    if task.expires_at is not None and task.expires_at <= now:
        return Explanation(
            reason=Reason.OVERDUE,
            detail=f"The task should have started by {timestamp(task.expires_at)}.",
            next="The sweep, which runs every minute, lets it expire.",
        )
    if pause is not None:
        return _paused(task, now, pause)
    if task.run_at > now:
        return _starts_later(task)
    if task.due_at is not None and task.due_at <= now:
        return Explanation(
            reason=Reason.OVERDUE,
            detail=f"The task may start since {timestamp(task.run_at)}, and its message seems to be lost.",
            next="The sweep, which runs every minute, sends it again.",
        )
    return Explanation(
        reason=Reason.WAITING_IN_QUEUE,
        detail=f"The task may start since {timestamp(task.run_at)}; no worker has taken it yet.",
        next=f"A worker takes it; if none has by {timestamp(task.due_at)}, its message is sent again.",
    )


def _paused(task: Task, now: datetime, pause: Pause) -> Explanation:
    why = "" if pause.reason is None else f": {pause.reason.rstrip('.')}"
    start = f", but not before {timestamp(task.run_at)}" if task.run_at > now else ""
    return Explanation(
        reason=Reason.TYPE_PAUSED,
        detail=f"The task type {task.type} is paused since {timestamp(pause.at)}{why}.",
        next=f"It starts when an administrator resumes its type{start}.{_expiry(task)}",
    )


def _expiry(task: Task) -> str:
    return f" It expires if it has not by {timestamp(task.expires_at)}." if task.expires_at else ""


def _starts_later(task: Task) -> Explanation:
    reason, why = Reason.SCHEDULED, "The task is scheduled to start"
    if task.status is TaskStatus.RETRYING:
        reason, why = Reason.BACKING_OFF, f"Attempt {task.attempt} failed, and the next one waits"
    elif task.attempts and task.attempts[-1].outcome == "snoozed":
        reason, why = Reason.SNOOZED, "The task type put the task off"
    start = timestamp(task.run_at)
    return Explanation(
        reason=reason,
        detail=f"{why} {'at' if reason is Reason.SCHEDULED else 'until'} {start}.",
        next=f"It may start at {start}, as soon as a worker is free.{_expiry(task)}",
        until=task.run_at,
    )
