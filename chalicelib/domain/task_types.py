"""Task types: plain functions that do the work, each registered under a stable name.

    class Greeting(BaseModel):
        name: str

    @task_type("demo.greet", payload=Greeting, max_attempts=3)
    def greet(payload: Greeting, context: TaskContext) -> str:
        return f"Hello, {payload.name}"

Every task stores the name of its type, so the function may move and its name must stay. A duplicate name or
an impossible option raises ValueError at import.
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
    """The queue and the function that run a task."""

    FAST = "fast"  #: ten side by side, each at most 100 s
    LONG = "long"  #: one at a time, at most 840 s


#: The longest timeout in each lane; it leaves the lane's function time to record the outcome.
TIMEOUT_LIMIT_SECONDS = {Lane.FAST: 100.0, Lane.LONG: 840.0}


class TaskLog(Protocol):
    """Writes structured log lines with the task's id, type and correlation id."""

    def info(self, message: str, **fields: Any) -> None:
        """Log an event."""

    def warning(self, message: str, **fields: Any) -> None:
        """Log a problem that was handled."""

    def error(self, message: str, **fields: Any) -> None:
        """Log a problem that needs attention."""


class TaskContext(Protocol):
    """The run, as its task type uses it: its task, deadline, log, secrets and progress."""

    @property
    def task_id(self) -> str:
        """The task's id; equal in all attempts, so it can be the idempotency key of a side effect."""

    @property
    def owner(self) -> str:
        """The owner of the task."""

    @property
    def attempt(self) -> int:
        """The number of this attempt, from 1."""

    @property
    def max_attempts(self) -> int:
        """The most attempts of the task."""

    @property
    def deadline(self) -> datetime:
        """The end of this run. Reporting progress moves it."""

    @property
    def cancel_requested(self) -> bool:
        """Was a cancel requested, as of the last reported progress? If so, return `Cancel()`."""

    @property
    def log(self) -> TaskLog:
        """The logger of this task."""

    def remaining_seconds(self) -> float:
        """The seconds until the deadline, at least 0."""

    def secret(self, name: str, host: str) -> str:
        """The owner's secret called `name`, for a request to `host`.

        Raises: Rejected if the owner has no such secret, or may not send it to that host.
        """

    def progress(self, percent: float, message: str = "") -> None:
        """Report progress (0 to 100), renew the lease and update `cancel_requested`.

        At most one report a second is stored, and always the last one. Raises: LeaseLost if this run no
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
    timeout_seconds: float  #: the longest time between two progress reports of a run

    @property
    def description(self) -> str:
        """The first line of the handler's docstring."""
        return (self.handler.__doc__ or "").strip().partition("\n")[0]

    def parse(self, payload: Any, prefix: str = "") -> P:
        """The payload as its model. Raises: Invalid, with a pointer to each wrong field below `prefix`."""
        try:
            return self.payload_model.model_validate(payload)
        except ValidationError as error:
            raise Invalid(
                f"The payload does not fit the task type {self.name}.",
                field_errors(error, prefix),
            ) from None

    def check_timeout(self, seconds: float, pointer: str) -> None:
        """Raises: Invalid if `seconds` exceeds the limit of the type's lane."""
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
        """The task type with this name, or None."""
        return self._types.get(name)

    def get(self, name: str, pointer: str = "/type") -> TaskType[Any]:
        """The task type with this name. Raises: Invalid, with the names of all task types."""
        if name not in self._types:
            known = ", ".join(sorted(self._types))
            message = f"unknown task type {name[:100]!r}; known are {known}"
            raise Invalid("The task type is not known.", (FieldError(pointer=pointer, message=message),))
        return self._types[name]

    def lane_of(self, name: str) -> str:
        """The lane of a task type; `fast` for a type that is no longer registered."""
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
        """Register the decorated function as a task type and return it unchanged.

        Raises: ValueError for a malformed or duplicate name, or an impossible option.
        """
        lane = Lane(lane)
        self._check(name, payload, max_attempts, timeout_seconds, lane)

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
        self, name: str, payload: object, max_attempts: int, timeout_seconds: float, lane: Lane
    ) -> None:
        well_formed = _NAME.fullmatch(name) and len(name) <= NAME_LIMIT_CHARACTERS
        is_model = isinstance(payload, type) and issubclass(payload, BaseModel)
        other = self.find(name)
        limit = TIMEOUT_LIMIT_SECONDS[lane]
        allowed = f"from 1 to {limit:g} in the {lane} lane"
        if lane is Lane.FAST:
            allowed += f"; lane='long' allows {TIMEOUT_LIMIT_SECONDS[Lane.LONG]:g}"
        requirements = {
            "a name is lower case words joined by dots, such as 'report.monthly'": well_formed,
            f"it is registered twice; the other is {_place(other)}": other is None,
            f"payload={payload!r}: a pydantic model is needed": is_model,
            f"max_attempts={max_attempts}: from 1 to {MAX_ATTEMPTS}": 1 <= max_attempts <= MAX_ATTEMPTS,
            f"timeout_seconds={timeout_seconds}: {allowed}": 1 <= timeout_seconds <= limit,
        }
        for message, fulfilled in requirements.items():
            if not fulfilled:
                raise ValueError(f"task type {name!r}: {message}")


def _place(task_type: TaskType[Any] | None) -> str:
    """The module and the name of a type's function."""
    handler = task_type and task_type.handler
    return f"{getattr(handler, '__module__', '')}.{getattr(handler, '__qualname__', repr(handler))}"


#: The task types of this service; the modules of `chalicelib/task_types/` register them.
TASK_TYPES = TaskTypes()
task_type = TASK_TYPES.task_type
