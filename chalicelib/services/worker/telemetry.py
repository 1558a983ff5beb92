"""The logs and metrics of runs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from chalicelib.domain.task import Task, TaskStatus
from chalicelib.observability import Metrics
from chalicelib.services.worker.run import Run

_METRIC: Final = {
    TaskStatus.SUCCEEDED: "TasksSucceeded",
    TaskStatus.FAILED: "TasksFailed",
    TaskStatus.CANCELED: "TasksCanceled",
    TaskStatus.RETRYING: "TasksRetried",
    TaskStatus.SCHEDULED: "TasksSnoozed",
}


class RunTelemetry:
    """Logs and measures the starts and ends of runs."""

    def __init__(self, metrics: Metrics, clock: Callable[[], datetime]) -> None:
        self._metrics = metrics
        self._clock = clock

    def started(self, run: Run) -> None:
        """Log the start of a run and measure its queue wait."""
        task = run.task
        assert task.started_at is not None
        waited = max(0.0, (task.started_at - task.run_at).total_seconds())
        self._metrics.add("QueueWait", waited * 1000, "Milliseconds", TaskType=task.type)
        run.log.info(
            "Task started",
            action="task_started",
            attempt=task.attempt,
            lease=task.lease,
            waited_ms=round(waited * 1000),
        )

    def ended(self, run: Run, stored: Task) -> None:
        """Log the stored outcome of a run and measure its run time."""
        assert run.task.started_at is not None
        took = (self._clock() - run.task.started_at).total_seconds() * 1000
        self._metrics.add("RunTime", took, "Milliseconds", TaskType=stored.type)
        self._metrics.add(_METRIC[stored.status], 1, TaskType=stored.type)
        run.log.info(
            "Run finished",
            action=f"task_{stored.status.value}",
            attempt=run.task.attempt,
            duration_ms=round(took),
            **({} if stored.error is None else {"error_kind": stored.error.kind.value}),
        )
