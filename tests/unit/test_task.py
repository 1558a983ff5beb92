"""Every transition of a task, field by field as in the protocol."""

from __future__ import annotations

from dataclasses import fields
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.documents import Document
from chalicelib.domain.errors import TransitionNotAllowed
from chalicelib.domain.task import (
    ATTEMPTS_KEPT,
    TERMINAL,
    WAITING,
    Attempt,
    ErrorKind,
    Progress,
    Task,
    TaskError,
    TaskStatus,
)
from tests.support.examples import CLAIMED, ERROR, KEEP, LATER, NOW, a_running_task, a_task

GRACE = timedelta(seconds=120)
WAIT = timedelta(seconds=5)
S = TaskStatus


def changes(before: Task, after: Task) -> dict[str, Any]:
    """The fields that differ, with their new values."""
    return {
        field.name: getattr(after, field.name)
        for field in fields(Task)
        if getattr(before, field.name) != getattr(after, field.name)
    }


def run(outcome: str, **fields: Any) -> tuple[Attempt, ...]:
    """The attempt of a run from NOW to LATER."""
    entry = Attempt(number=1, lease=1, started_at=NOW, finished_at=LATER, outcome=outcome, **fields)
    return (entry,)


class TestCancel:
    @pytest.mark.parametrize("status", sorted(WAITING))
    def test_a_waiting_task_is_canceled_and_leaves_the_due_index(self, status: TaskStatus) -> None:
        task = a_task(status)
        assert changes(task, task.cancel(LATER, KEEP)) == {
            "status": S.CANCELED,
            "finished_at": LATER,
            "updated_at": LATER,
            "ttl": LATER + KEEP,
            "due_at": None,
        }

    def test_a_running_task_is_asked_to_stop(self) -> None:
        task = a_running_task()
        assert changes(task, task.cancel(LATER, KEEP)) == {"cancel_requested": True, "updated_at": LATER}

    def test_a_second_cancel_changes_nothing(self) -> None:
        task = a_running_task(cancel_requested=True)
        assert task.cancel(LATER, KEEP) is task

    @pytest.mark.parametrize("requested", [False, True])
    @pytest.mark.parametrize("status", sorted(TERMINAL))
    def test_a_finished_task_is_not_canceled(self, status: TaskStatus, requested: bool) -> None:
        """A late cancel stays on the row. It must not make a second one look successful."""
        with pytest.raises(TransitionNotAllowed, match=status):
            a_task(status, cancel_requested=requested).cancel(LATER, KEEP)


class TestRedrive:
    @pytest.mark.parametrize("status", [S.FAILED, S.CANCELED, S.EXPIRED])
    def test_a_retry_resets_the_task_but_not_its_lease(self, status: TaskStatus) -> None:
        task = a_task(
            status,
            lease=7,
            attempt=3,
            redrive_count=1,
            cancel_requested=True,
            result=Document.of(1),
            error=ERROR,
            progress=Progress(percent=50),
            attempts=run("failed"),
            started_at=NOW,
            finished_at=NOW,
            expires_at=NOW,
            ttl=NOW + KEEP,
            dead_lettered_at=NOW,
            due_at=None,
        )
        assert changes(task, task.redrive(LATER, GRACE)) == {
            "status": S.QUEUED,
            "lease": 8,
            "redrive_count": 2,
            "attempt": 0,
            "run_at": LATER,
            "due_at": LATER + GRACE,
            "queued_at": LATER,
            "updated_at": LATER,
            "cancel_requested": False,
            "result": None,
            "error": None,
            "progress": None,
            "started_at": None,
            "finished_at": None,
            "expires_at": None,
            "ttl": None,
            "dead_lettered_at": None,
        }

    @pytest.mark.parametrize("status", sorted(set(S) - {S.FAILED, S.CANCELED, S.EXPIRED}))
    def test_only_a_task_that_ended_without_success_is_redriven(self, status: TaskStatus) -> None:
        with pytest.raises(TransitionNotAllowed, match=status):
            a_task(status).redrive(LATER, GRACE)

    def test_each_redrive_count_has_its_own_dead_letter_key(self) -> None:
        task = a_task(S.FAILED)
        assert task.dead_letter_key == f"{task.id}#0"
        assert task.redrive(LATER, GRACE).dead_letter_key == f"{task.id}#1"


class TestWorker:
    def test_success_stores_the_result_and_clears_the_last_error(self) -> None:
        task = a_running_task(error=ERROR)
        result = Document.of({"n": 1})
        assert changes(task, task.succeed(LATER, result, KEEP)) == {
            "status": S.SUCCEEDED,
            "result": result,
            "error": None,
            "attempts": run("succeeded"),
            "finished_at": LATER,
            "updated_at": LATER,
            "ttl": LATER + KEEP,
            "due_at": None,
            "lease_until": None,
        }

    def test_a_failed_task_stays_due_until_its_dead_letter_is_sent(self) -> None:
        task = a_running_task()
        after = task.fail(LATER, ERROR, KEEP)
        assert changes(task, after) == {
            "status": S.FAILED,
            "error": ERROR,
            "attempts": run("failed", error=ERROR),
            "finished_at": LATER,
            "updated_at": LATER,
            "ttl": LATER + KEEP,
            "due_at": LATER,
            "lease_until": None,
        }
        assert after.dead_letter_unsent

    def test_an_error_with_attempts_left_waits_for_its_retry(self) -> None:
        task = a_running_task()
        assert changes(task, task.retry_later(LATER, ERROR, WAIT, GRACE)) == {
            "status": S.RETRYING,
            "error": ERROR,
            "attempts": run("failed", error=ERROR, next_wait_seconds=5.0),
            "run_at": LATER + WAIT,
            "due_at": LATER + WAIT + GRACE,
            "updated_at": LATER,
            "lease_until": None,
        }

    def test_a_snooze_gives_the_attempt_back_and_keeps_the_last_error(self) -> None:
        task = a_running_task(attempt=2, error=ERROR)
        after = task.snooze(LATER, WAIT, GRACE)
        assert changes(task, after) == {
            "status": S.SCHEDULED,
            "attempt": 1,
            "attempts": after.attempts,
            "run_at": LATER + WAIT,
            "due_at": LATER + WAIT + GRACE,
            "updated_at": LATER,
            "lease_until": None,
        }
        assert (after.attempts[-1].number, after.attempts[-1].outcome) == (2, "snoozed")

    @pytest.mark.parametrize("error", [None, ERROR])
    def test_a_stopped_run_is_canceled(self, error: TaskError | None) -> None:
        task = a_running_task(cancel_requested=True)
        assert changes(task, task.stop(LATER, KEEP, error)) == {
            "status": S.CANCELED,
            "attempts": run("canceled", error=error),
            "finished_at": LATER,
            "updated_at": LATER,
            "ttl": LATER + KEEP,
            "due_at": None,
            "lease_until": None,
        }

    @pytest.mark.parametrize("wait", ["retry_later", "snooze"])
    def test_a_waiting_task_is_due_when_it_expires_if_that_is_sooner(self, wait: str) -> None:
        task = a_running_task(expires_at=LATER + timedelta(seconds=1))
        after = (
            task.snooze(LATER, WAIT, GRACE)
            if wait == "snooze"
            else task.retry_later(LATER, ERROR, WAIT, GRACE)
        )
        assert after.due_at == task.expires_at

    def test_the_last_25_attempts_are_kept(self) -> None:
        task = a_running_task(attempts=tuple(run("failed")[0] for _ in range(ATTEMPTS_KEPT)), lease=26)
        attempts = task.fail(LATER, ERROR, KEEP).attempts
        assert len(attempts) == ATTEMPTS_KEPT
        assert attempts[-1].lease == 26


class TestSweepAndMonitor:
    def test_an_expired_task_is_finished(self) -> None:
        task = a_task(expires_at=NOW)
        assert changes(task, task.expire(LATER, KEEP)) == {
            "status": S.EXPIRED,
            "finished_at": LATER,
            "updated_at": LATER,
            "ttl": LATER + KEEP,
            "due_at": None,
        }

    @pytest.mark.parametrize("status", [S.QUEUED, S.RETRYING, S.RUNNING])
    def test_a_postponed_check_is_not_a_public_change(self, status: TaskStatus) -> None:
        task = a_task(status)
        assert changes(task, task.check_again(LATER, LATER + GRACE)) == {"due_at": LATER + GRACE}

    def test_a_scheduled_task_is_queued_at_its_start(self) -> None:
        task = a_task(S.SCHEDULED, run_at=LATER, queued_at=None)
        assert changes(task, task.check_again(LATER, LATER + GRACE)) == {
            "status": S.QUEUED,
            "queued_at": LATER,
            "updated_at": LATER,
            "due_at": LATER + GRACE,
        }

    def test_a_scheduled_task_stays_scheduled_before_its_start(self) -> None:
        task = a_task(S.SCHEDULED, run_at=LATER + WAIT)
        assert task.check_again(LATER, LATER + GRACE).status is S.SCHEDULED

    @pytest.mark.parametrize("status", sorted(WAITING))
    def test_a_poisoned_task_fails_without_a_run(self, status: TaskStatus) -> None:
        task = a_task(status)
        after = task.fail_as_poison(LATER, ERROR, KEEP)
        assert changes(task, after) == {
            "status": S.FAILED,
            "error": ERROR,
            "finished_at": LATER,
            "updated_at": LATER,
            "ttl": LATER + KEEP,
            "due_at": LATER,
        }
        assert after.dead_letter_unsent

    def test_a_task_with_a_sent_dead_letter_is_not_due(self) -> None:
        task = a_task(S.FAILED, due_at=NOW)
        after = task.dead_lettered(LATER)
        assert changes(task, after) == {"dead_lettered_at": LATER, "updated_at": LATER, "due_at": None}
        assert not after.dead_letter_unsent


class TestErrors:
    def test_a_long_message_is_truncated_to_whole_characters(self) -> None:
        error = TaskError.of(ErrorKind.EXCEPTION, "é" * 1000)
        assert error.message == "é" * 512

    def test_a_message_is_always_encodable(self) -> None:
        assert TaskError.of(ErrorKind.EXCEPTION, "a\ud800b").message == "a?b"

    def test_an_error_without_an_exception_has_its_kind_for_a_type(self) -> None:
        assert TaskError.of(ErrorKind.TIMEOUT, "late").type == "timeout"

    def test_only_a_running_task_has_a_lease(self) -> None:
        assert a_running_task().lease_until == NOW + CLAIMED
        assert a_running_task().fail(LATER, ERROR, KEEP).lease_until is None
