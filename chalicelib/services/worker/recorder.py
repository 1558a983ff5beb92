"""Records the outcomes of runs: several in one request, each under its own lease."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, assert_never

from chalicelib.domain.outcomes import Cancel, Snooze
from chalicelib.domain.task import Conflict, ErrorKind, Task, TaskError, TaskStatus
from chalicelib.domain.timing import KEEP_MESSAGE, Timing
from chalicelib.services.worker.run import Failure, Lost, Outcome, Run, Success
from chalicelib.services.worker.telemetry import RunTelemetry

if TYPE_CHECKING:
    from chalicelib.aws.dynamodb.task_table import TaskTable
    from chalicelib.services.runtime import Runtime

Stored = Task | Conflict | Exception


@dataclass(frozen=True, slots=True)
class Recorded:
    """The steps that remain after an outcome was recorded, or dropped because the lease was lost."""

    failed_task: Task | None = None  #: its dead letter must be sent
    redeliver_after: timedelta | None = None  #: SQS must deliver the message again after this


@dataclass(frozen=True, slots=True)
class _Ending:
    """The change of a task by an outcome."""

    run: Run
    after: Task
    wait: timedelta | None = None  #: the wait before the next attempt, if there is one
    unless_canceled: bool = False  #: a cancel request wins over this outcome


class Recorder:
    """Decides how outcomes change their tasks, and stores the changes."""

    def __init__(
        self,
        *,
        tasks: TaskTable,
        timing: Timing,
        telemetry: RunTelemetry,
        runtime: Runtime,
    ) -> None:
        self._tasks = tasks
        self._timing = timing
        self._telemetry = telemetry
        self._clock = runtime.clock
        self._random = runtime.random

    def record(self, runs: Sequence[Run]) -> list[Recorded | Exception]:
        """Store the outcomes of `runs` under their leases; for each, the remaining steps or its error.

        A cancel that was requested in between wins over every outcome but a success and a `Cancel`.
        """
        decided = [self._decided(run) for run in runs]
        endings = [each for each in decided if isinstance(each, _Ending)]
        recorded = iter(map(self._recorded, endings, self._store(endings)))
        return [next(recorded) if isinstance(each, _Ending) else each for each in decided]

    # --- Deciding -------------------------------------------------------------------------------

    def _decided(self, run: Run) -> _Ending | Recorded | Exception:
        try:
            ending = self._ending(run, run.outcome())
        except Exception as error:  # one outcome must not stop the others
            return error
        return self._lost(run) if ending is None else ending

    def _ending(self, run: Run, outcome: Outcome) -> _Ending | None:
        """The change of the task by `outcome`; None if the lease is lost."""
        now, task = self._clock(), run.with_latest_progress()
        match outcome:
            case Success(result):
                return _Ending(run, task.succeed(now, result, self._timing.keep))
            case Cancel(reason):
                return _Ending(run, task.stop(now, self._timing.keep, _canceled(reason)))
            case Snooze(seconds):
                wait = timedelta(seconds=seconds)
                after = task.snooze(now, wait, self._timing.wake_after(wait, KEEP_MESSAGE))
                # guard: retry-later.unless-cancel-requested
                return _Ending(run, after, wait, unless_canceled=True)
            case Failure():
                return self._failed(run, task, outcome, now)
            case Lost():
                return None
            case _:
                assert_never(outcome)

    def _failed(self, run: Run, task: Task, failure: Failure, now: datetime) -> _Ending:
        if failure.final or task.attempt >= task.max_attempts:  # guard: fail.last-attempt
            after = task.fail(now, failure.error, self._timing.keep)
            return _Ending(run, after, unless_canceled=True)  # guard: fail.unless-cancel-requested
        seconds = failure.wait_seconds
        wait = timedelta(
            seconds=self._timing.retry.backoff(task.attempt, self._random) if seconds is None else seconds
        )
        after = task.retry_later(now, failure.error, wait, self._timing.wake_after(wait, KEEP_MESSAGE))
        # guard: retry-later.unless-cancel-requested
        return _Ending(run, after, wait, unless_canceled=True)

    # --- Storing --------------------------------------------------------------------------------

    def _store(self, endings: Sequence[_Ending]) -> list[Stored]:
        stored = self._finish(endings)
        # guard: finish.refused-becomes-stop
        again = [i for i, ending in enumerate(endings) if _cancel_requested(stored[i], ending.run.task)]
        for index, answer in zip(
            again, self._finish([self._stopped(endings[i]) for i in again]), strict=True
        ):
            stored[index] = answer
        return stored

    def _finish(self, endings: Sequence[_Ending]) -> list[Stored]:
        return self._tasks.finish_many(
            [(each.run.task, each.after, each.unless_canceled) for each in endings]
        )

    def _stopped(self, refused: _Ending) -> _Ending:
        error = refused.after.attempts[
            -1
        ].error  # of this attempt; a snoozed task keeps the error of the one before
        after = refused.run.with_latest_progress().stop(self._clock(), self._timing.keep, error)
        return _Ending(refused.run, after)

    def _recorded(self, ending: _Ending, stored: Stored) -> Recorded | Exception:
        if isinstance(stored, Exception):
            return stored
        if isinstance(stored, Conflict):
            return self._lost(ending.run)
        self._telemetry.ended(ending.run, stored)
        redeliver = ending.wait is not None and not stored.terminal and ending.wait <= KEEP_MESSAGE
        return Recorded(
            failed_task=stored if stored.dead_letter_unsent else None,
            redeliver_after=ending.wait if redeliver else None,
        )

    def _lost(self, run: Run) -> Recorded:
        run.log.warning("Lease lost, outcome dropped", action="lease_lost", lease=run.task.lease)
        return Recorded()


def _canceled(reason: str) -> TaskError | None:
    return TaskError.of(ErrorKind.EXCEPTION, reason, "Cancel") if reason else None


def _cancel_requested(stored: Stored, claimed: Task) -> bool:
    """Was the write refused because of a cancel request, with the lease still held?"""
    current = stored.current if isinstance(stored, Conflict) else None
    return (
        current is not None
        and current.status is TaskStatus.RUNNING
        and current.lease == claimed.lease
        and current.cancel_requested
    )
