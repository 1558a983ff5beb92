"""Task types whose payload is a script, and the record of their runs for the checker.

A plan is a list of attempts, as `tests/simulation/attempts.py` makes them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from chalicelib.domain.outcomes import Cancel, NonRetryable, RetryAfter, Snooze
from chalicelib.domain.task_types import Lane, TaskContext, TaskTypes
from chalicelib.services.worker.run import Run
from tests.simulation.scheduler import Scheduler

#: A result of this length is stored as an item of its own.
BIG = 3000


class Script(BaseModel):
    """The steps of a task's runs."""

    plan: list[list[list[Any]]] = []
    pad: str = ""


@dataclass(slots=True)
class Step:
    """One step of a run."""

    moment: int
    task_id: str
    lease: int
    in_time: bool  #: before its deadline, by its own clock
    ended: str = ""  #: how the run ended, at its last step


class Work:
    """The task types `sim.fast` and `sim.long`."""

    def __init__(self, scheduler: Scheduler) -> None:
        self.types = TaskTypes()
        self.steps: list[Step] = []
        self.on_step: Callable[[Step], None] = lambda step: None
        self._runs: defaultdict[str, int] = defaultdict(int)
        self._scheduler = scheduler
        declare = self.types.task_type
        declare("sim.fast", payload=Script, max_attempts=3, timeout_seconds=60)(self._run)
        declare("sim.long", payload=Script, lane=Lane.LONG, max_attempts=3, timeout_seconds=600)(self._run)

    def _run(self, payload: Script, context: TaskContext) -> Any:
        """Take the steps of the payload's next attempt; the last one repeats."""
        assert isinstance(context, Run)
        plan = payload.plan or [[]]
        number = self._runs[context.task_id]
        self._runs[context.task_id] += 1
        self._note(context)
        for name, *arguments in plan[min(number, len(plan) - 1)]:
            answer = getattr(self, f"_{name}")(context, *arguments)
            self._note(context)
            if answer is not None:
                return answer
        return self._result(context, "")

    def _note(self, context: Run, ended: str = "") -> None:
        in_time = context.remaining_seconds() > 0
        step = Step(self._scheduler.now, context.task_id, context.task.lease, in_time, ended)
        self.steps.append(step)
        self.on_step(step)

    def _result(self, context: Run, pad: str) -> Any:
        self._note(context, "returned")
        return {"lease": context.task.lease, "pad": pad}

    # --- Steps ------------------------------------------------------------------------------------

    def _wait(self, context: Run, seconds: float) -> None:
        self._scheduler.sleep(round(seconds * 1000))

    def _freeze(self, context: Run, seconds: float) -> None:
        """Freeze the whole process for a while."""
        fiber = self._scheduler.current
        assert fiber is not None
        fiber.process.frozen_until = self._scheduler.now + round(seconds * 1000)
        self._scheduler.sleep(1)

    def _progress(self, context: Run, percent: float) -> None:
        context.progress(percent, f"lease {context.task.lease}")

    def _big(self, context: Run) -> Any:
        return self._result(context, "y" * BIG)

    def _watch(self, context: Run, seconds: int) -> Any:
        """Work in steps of two seconds, and stop when a cancel is requested."""
        for done in range(0, seconds, 2):
            self._wait(context, 2)
            self._note(context)
            self._progress(context, 100 * done / seconds)
            if context.cancel_requested:
                return Cancel("asked to stop")
        return None

    def _fail(self, context: Run) -> None:
        raise ValueError(f"failed under lease {context.task.lease}")

    def _reject(self, context: Run) -> None:
        raise NonRetryable(f"rejected under lease {context.task.lease}")

    def _retry_after(self, context: Run, seconds: float) -> None:
        raise RetryAfter(seconds)

    def _snooze(self, context: Run, seconds: float) -> Any:
        return Snooze(seconds)

    def _cancel(self, context: Run) -> Any:
        return Cancel("not needed")
