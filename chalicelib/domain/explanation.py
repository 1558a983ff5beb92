"""Why a task is not running or not finished, and what happens next: a code and two sentences."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from chalicelib.domain.formats import timestamp
from chalicelib.domain.pauses import Pause
from chalicelib.domain.task import Task, TaskStatus


class Reason(StrEnum):
    """Why a task is where it is."""

    SCHEDULED = "scheduled"  #: its start is later
    BACKING_OFF = "backing_off"  #: an attempt failed, and the task waits for the next one
    SNOOZED = "snoozed"  #: its task type put it off
    WAITING_IN_QUEUE = "waiting_in_queue"  #: it starts when a worker claims it
    TYPE_PAUSED = "type_paused"  #: its task type is paused
    RUNNING = "running"  #: a worker holds its lease
    CANCEL_REQUESTED = "cancel_requested"  #: it runs, and a cancel was requested
    OVERDUE = "overdue"  #: a message or a worker was lost: the sweep acts next
    SENDING_DEAD_LETTER = "announcing_death"  #: it failed, and its dead letter is not yet sent
    FINISHED = "finished"  #: it has ended


@dataclass(frozen=True, kw_only=True, slots=True)
class Explanation:
    """Why a task is not running yet, and what happens next."""

    reason: Reason
    detail: str  #: one sentence
    next: str  #: one sentence: what happens next, and when
    until: datetime | None = None  #: the end of this state, if it can be known

    @property
    def in_queue(self) -> bool:
        """Does it wait behind other messages of its queue?"""
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
    """Explain the state of `task`; `pause` is the pause of its type, if it is paused."""
    if task.terminal:
        return _ended(task)
    if task.status is TaskStatus.RUNNING:
        return _running(task, now)
    return _waiting(task, now, pause)


def _ended(task: Task) -> Explanation:
    if task.dead_letter_unsent:
        return Explanation(
            reason=Reason.SENDING_DEAD_LETTER,
            detail="The task failed for good, and its dead letter has not been sent.",
            next="The sweep, which runs every minute, sends it; an alert follows within five minutes.",
        )
    retry = "" if task.status is TaskStatus.SUCCEEDED else " POST /tasks/{id}/retry queues it again."
    return Explanation(
        reason=Reason.FINISHED,
        detail=f"The task ended with the status {task.status.value} at {timestamp(task.finished_at)}.",
        next=f"The task is deleted after {timestamp(task.ttl)}.{retry}",
    )


def _running(task: Task, now: datetime) -> Explanation:
    until = timestamp(task.lease_until)
    if task.lease_until is None or task.lease_until <= now:
        outcome = "canceled" if task.cancel_requested else _after_a_crash(task)
        return Explanation(
            reason=Reason.OVERDUE,
            detail=f"The lease of attempt {task.attempt} ended at {until}, and its worker recorded nothing.",
            next=f"The sweep, which runs every minute, ends the run: the task is {outcome}.",
        )
    if task.cancel_requested:
        return Explanation(
            reason=Reason.CANCEL_REQUESTED,
            detail=f"Attempt {task.attempt} runs. It learns of the cancel request when it reports progress.",
            next=f"The task is canceled when the run stops or fails, or when its lease ends at {until}.",
            until=task.lease_until,
        )
    return Explanation(
        reason=Reason.RUNNING,
        detail=f"Attempt {task.attempt} of {task.max_attempts} has run since {timestamp(task.started_at)}.",
        next=f"It ends or reports progress before {until}; otherwise the task is {_after_a_crash(task)}.",
        until=task.lease_until,
    )


def _after_a_crash(task: Task) -> str:
    return "retried" if task.attempt < task.max_attempts else "failed, because this was its last attempt"


def _waiting(task: Task, now: datetime, pause: Pause | None) -> Explanation:
    if task.expires_at is not None and task.expires_at <= now:
        return Explanation(
            reason=Reason.OVERDUE,
            detail=f"The task should have started by {timestamp(task.expires_at)}.",
            next="The sweep, which runs every minute, marks it expired.",
        )
    if pause is not None:
        return _paused(task, now, pause)
    if task.run_at > now:
        return _starts_later(task)
    if task.due_at is not None and task.due_at <= now:
        return Explanation(
            reason=Reason.OVERDUE,
            detail=f"The task may start from {timestamp(task.run_at)} on; its message seems to be lost.",
            next="The sweep, which runs every minute, sends it again.",
        )
    return Explanation(
        reason=Reason.WAITING_IN_QUEUE,
        detail=f"The task may start from {timestamp(task.run_at)} on; no worker has claimed it yet.",
        next=f"A worker claims it; if none has by {timestamp(task.due_at)}, its message is sent again.",
    )


def _paused(task: Task, now: datetime, pause: Pause) -> Explanation:
    why = "" if pause.reason is None else f": {pause.reason.rstrip('.')}"
    start = f", but not before {timestamp(task.run_at)}" if task.run_at > now else ""
    return Explanation(
        reason=Reason.TYPE_PAUSED,
        detail=f"The task type {task.type} has been paused since {timestamp(pause.at)}{why}.",
        next=f"It starts when an administrator resumes its type{start}.{_expiry(task)}",
    )


def _expiry(task: Task) -> str:
    return f" It expires if it has not started by {timestamp(task.expires_at)}." if task.expires_at else ""


def _starts_later(task: Task) -> Explanation:
    reason, why = Reason.SCHEDULED, "The task is scheduled to start"
    if task.status is TaskStatus.RETRYING:
        reason, why = Reason.BACKING_OFF, f"Attempt {task.attempt} failed, and the next one waits"
    elif task.attempts and task.attempts[-1].outcome == "snoozed":
        reason, why = Reason.SNOOZED, "The task type postponed the task"
    start = timestamp(task.run_at)
    return Explanation(
        reason=reason,
        detail=f"{why} {'at' if reason is Reason.SCHEDULED else 'until'} {start}.",
        next=f"It may start at {start}, as soon as a worker is free.{_expiry(task)}",
        until=task.run_at,
    )
