"""Explanations: each state of a task has a reason."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.explanation import Reason, explain
from chalicelib.domain.task import Attempt, Task, TaskStatus
from tests.support.examples import ERROR, LATER, NOW, a_running_task, a_task

PAST = NOW - timedelta(seconds=1)
ENDED: dict[str, Any] = {"finished_at": NOW, "due_at": None, "ttl": LATER}
SNOOZED = Attempt(number=1, lease=1, started_at=PAST, finished_at=NOW, outcome="snoozed")


@pytest.mark.parametrize(
    ("task", "reason", "until"),
    [
        (a_task(), Reason.WAITING_IN_QUEUE, None),
        (a_task(due_at=NOW), Reason.OVERDUE, None),
        (a_task(expires_at=NOW), Reason.OVERDUE, None),
        (a_task(TaskStatus.SCHEDULED, run_at=LATER), Reason.SCHEDULED, LATER),
        (a_task(TaskStatus.SCHEDULED, run_at=LATER, attempts=(SNOOZED,)), Reason.SNOOZED, LATER),
        (a_task(TaskStatus.SCHEDULED, attempts=(SNOOZED,)), Reason.WAITING_IN_QUEUE, None),
        (a_task(TaskStatus.RETRYING, run_at=LATER, attempt=1), Reason.BACKING_OFF, LATER),
        (a_task(TaskStatus.RETRYING, attempt=1), Reason.WAITING_IN_QUEUE, None),
        (a_running_task(lease_until=LATER), Reason.RUNNING, LATER),
        (a_running_task(lease_until=LATER, cancel_requested=True), Reason.CANCEL_REQUESTED, LATER),
        (a_running_task(lease_until=NOW), Reason.OVERDUE, None),
        (a_running_task(lease_until=NOW, cancel_requested=True), Reason.OVERDUE, None),
        (a_task(TaskStatus.FAILED, error=ERROR, finished_at=NOW), Reason.SENDING_DEAD_LETTER, None),
        (
            a_task(TaskStatus.FAILED, error=ERROR, **ENDED),
            Reason.FINISHED,
            None,
        ),
        (a_task(TaskStatus.SUCCEEDED, **ENDED), Reason.FINISHED, None),
        (a_task(TaskStatus.CANCELED, **ENDED), Reason.FINISHED, None),
        (a_task(TaskStatus.EXPIRED, **ENDED), Reason.FINISHED, None),
    ],
)
def test_every_state_has_its_reason(task: Task, reason: Reason, until: Any) -> None:
    found = explain(task, NOW)
    assert (found.reason, found.until) == (reason, until)
    for sentence in (found.detail, found.next):
        assert sentence[0].isupper()
        assert sentence.endswith(".")
        assert "None" not in sentence


@pytest.mark.parametrize(
    ("task", "words"),
    [
        (a_running_task(lease_until=NOW), "the task is retried"),
        (a_running_task(lease_until=NOW, attempt=3), "failed, because this was its last attempt"),
        (a_running_task(lease_until=NOW, cancel_requested=True), "the task is canceled"),
        (a_task(run_at=LATER, expires_at=LATER + timedelta(seconds=1)), "It expires if"),
        (a_task(TaskStatus.EXPIRED, **ENDED), "POST /tasks/{id}/retry"),
    ],
)
def test_the_next_step_is_explained(task: Task, words: str) -> None:
    assert words in explain(task, NOW).next


def test_a_success_is_not_offered_a_retry() -> None:
    done = a_task(TaskStatus.SUCCEEDED, **ENDED)
    assert "retry" not in explain(done, NOW).next
