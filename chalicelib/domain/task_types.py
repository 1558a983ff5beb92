"""Task types: the plain functions that do the work, each registered under a stable name.

    class Greeting(BaseModel):
        name: str

    @task_type("demo.greet", payload=Greeting, max_attempts=3)
    def greet(payload: Greeting, context: TaskContext) -> str:
        return f"Hello, {payload.name}"

The name is stored with every task, so it stays when the function moves. A duplicate or an option that
cannot be is refused at import.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Generic, Protocol, TypeVar

from pydantic import BaseModel, ValidationError

from chalicelib.domain.errors import FieldError, Invalid
from chalicelib.domain.validation import field_errors

MAX_ATTEMPTS = 25
NAME_LIMIT_CHARACTERS = 100
_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*")


class Lane(StrEnum):
    """The queue and function that a task runs in."""

    FAST = "fast"  #: ten side by side, each at most 100 s
    LONG = "long"  #: one at a time, at most 840 s


#: The longest timeout that fits a lane's function, with time left to record the outcome.
TIMEOUT_LIMIT_SECONDS = {Lane.FAST: 100.0, Lane.LONG: 840.0}


class TaskLog(Protocol):
    """Structured log lines that carry the task's id, type and correlation id by themselves."""

    def info(self, message: str, **fields: Any) -> None:
        """Log what happened."""

    def warning(self, message: str, **fields: Any) -> None:
        """Log what went wrong and was dealt with."""

    def error(self, message: str, **fields: Any) -> None:
        """Log what somebody should look into."""


class TaskContext(Protocol):
    """What a run knows about itself, and what it may tell."""

    @property
    def task_id(self) -> str:
        """The task's id; the same on every attempt, so it can name the effect outside."""

    @property
    def owner(self) -> str:
        """Whose task it is."""

    @property
    def attempt(self) -> int:
        """The number of this attempt, from 1."""

    @property
    def max_attempts(self) -> int:
        """The number of the last attempt."""

    @property
    def deadline(self) -> datetime:
        """When this run is stopped, unless it reports progress before."""

    @property
    def cancel_requested(self) -> bool:
        """Did the owner ask to cancel, when progress was reported last? Return `Cancel()` then."""

    @property
    def log(self) -> TaskLog:
        """A logger bound to this task."""

    def remaining_seconds(self) -> float:
        """The time until the deadline."""

    def secret(self, name: str, host: str) -> str:
        """The owner's secret called `name`, for a request to `host`.

        Raises: Rejected when the owner has no such secret, or may not use it with that host.
        """

    def progress(self, percent: float, message: str = "") -> None:
        """Report progress (0 to 100), renew the lease and look for a cancel request.

        At most one report a second is stored; the last one always is. Raises: LeaseLost when this run no
        longer holds its task.
        """


P = TypeVar("P", bound=BaseModel)
Handler = Callable[[P, TaskContext], Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskType(Generic[P]):
    """A registered task type."""

    name: str
    handler: Handler[P]
    payload_model: type[P]
    lane: Lane
    max_attempts: int
    timeout_seconds: float  #: the longest a run may go on without reporting progress

    @property
    def description(self) -> str:
        """The first line of the function's docstring."""
        return (self.handler.__doc__ or "").strip().partition("\n")[0]

    def parse(self, payload: Any, prefix: str = "") -> P:
        """The payload as its model. Raises: Invalid, with a pointer to each wrong field below `prefix`."""
        try:
            return self.payload_model.model_validate(payload)
        except ValidationError as error:
            raise Invalid(
                f"The payload does not fit the task type {self.name}.", field_errors(error, prefix)
            ) from None

    def check_timeout(self, seconds: float, pointer: str) -> None:
        """Raises: Invalid when the type's lane cannot give a run that long."""
        limit = TIMEOUT_LIMIT_SECONDS[self.lane]
        if seconds > limit:
            message = f"{seconds:g} is over the {limit:g} seconds of the {self.lane} lane"
            raise Invalid("The timeout is too long.", (FieldError(pointer=pointer, message=message),))


class TaskTypes:
    """A registry of task types."""

    def __init__(self) -> None:
        self._types: dict[str, TaskType[Any]] = {}

    def __iter__(self) -> Iterator[TaskType[Any]]:
        return iter(sorted(self._types.values(), key=lambda each: each.name))

    def find(self, name: str) -> TaskType[Any] | None:
        """The task type called `name`, if there is one."""
        return self._types.get(name)

    def get(self, name: str, pointer: str = "/type") -> TaskType[Any]:
        """The task type called `name`. Raises: Invalid, listing the known ones."""
        if name not in self._types:
            known = ", ".join(sorted(self._types))
            message = f"unknown task type {name[:100]!r}; known are {known}"
            raise Invalid("The task type is not known.", (FieldError(pointer=pointer, message=message),))
        return self._types[name]

    def lane_of(self, name: str) -> str:
        """The lane of a type's tasks; the fast one for a type that is no longer registered."""
        return (self._types[name].lane if name in self._types else Lane.FAST).value

    def task_type(
        self,
        name: str,
        *,
        payload: type[P],
        lane: Lane | str = Lane.FAST,
        max_attempts: int = 5,
        timeout_seconds: float = 60,
    ) -> Callable[[Handler[P]], Handler[P]]:
        """Register the decorated function as a task type and leave it as it is.

        Raises: ValueError for a name that is taken or malformed, or an option that cannot be.
        """
        lane = Lane(lane)
        self._check(name, payload, max_attempts, timeout_seconds, TIMEOUT_LIMIT_SECONDS[lane])

        def register(handler: Handler[P]) -> Handler[P]:
            self._types[name] = TaskType(
                name=name,
                handler=handler,
                payload_model=payload,
                lane=lane,
                max_attempts=max_attempts,
                timeout_seconds=float(timeout_seconds),
            )
            return handler

        return register

    def _check(
        self, name: str, payload: object, max_attempts: int, timeout_seconds: float, limit: float
    ) -> None:
        spelled = _NAME.fullmatch(name) and len(name) <= NAME_LIMIT_CHARACTERS
        is_model = isinstance(payload, type) and issubclass(payload, BaseModel)
        wanted = {
            "lower case words joined by dots, such as 'report.monthly', are needed": spelled,
            f"it is registered twice; the other is {self.find(name)}": name not in self._types,
            f"payload={payload!r}: a pydantic model is needed": is_model,
            f"max_attempts={max_attempts}: from 1 to {MAX_ATTEMPTS}": 1 <= max_attempts <= MAX_ATTEMPTS,
            f"timeout_seconds={timeout_seconds}: from 1 to {limit:g}": 1 <= timeout_seconds <= limit,
        }
        for message, fulfilled in wanted.items():
            if not fulfilled:
                raise ValueError(f"task type {name!r}: {message}")


#: The types that this service runs; `chalicelib/task_types/` fills it.
TASK_TYPES = TaskTypes()
task_type = TASK_TYPES.task_type
