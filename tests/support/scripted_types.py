"""Task types with scripted behaviour."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ConfigDict

from chalicelib.domain.task_types import Lane, TaskContext, TaskTypes

Work = Callable[[Any, TaskContext], Any]


class Anything(BaseModel):
    """A payload with any fields, of which `number` must be a number."""

    model_config = ConfigDict(extra="allow")

    number: int = 0


class Script:
    """The task types `test.fast` and `test.long`. Both call `work`, which a test sets."""

    def __init__(self) -> None:
        self.types = TaskTypes()
        self.work: Work = lambda payload, context: None
        self.runs: list[int] = []  #: the attempt number of each run
        declare = self.types.task_type
        declare("test.fast", payload=Anything, max_attempts=3, timeout_seconds=60)(self._run)
        declare("test.long", payload=Anything, lane=Lane.LONG, max_attempts=3, timeout_seconds=600)(self._run)

    def _run(self, payload: Anything, context: TaskContext) -> Any:
        """Record the run and call `work`."""
        self.runs.append(context.attempt)
        return self.work(payload, context)

    def returns(self, result: Any) -> None:
        """Make every run return `result` from now on."""
        self.work = lambda payload, context: result

    def raises(self, error: BaseException) -> None:
        """Make every run raise `error` from now on."""

        def work(payload: Anything, context: TaskContext) -> Any:
            raise error

        self.work = work
