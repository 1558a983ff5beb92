"""Task types that do nothing, so that the service around them is measured."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel

from chalicelib.domain.outcomes import NonRetryable
from chalicelib.domain.task_types import TaskContext, TaskTypes


class Text(BaseModel):
    """A payload of any size."""

    text: str = ""


TYPES: Final = TaskTypes()


@TYPES.task_type("bench.noop", payload=Text, max_attempts=3)
def noop(payload: Text, context: TaskContext) -> None:
    """Succeed at once."""


@TYPES.task_type("bench.flaky", payload=Text, max_attempts=3)
def flaky(payload: Text, context: TaskContext) -> None:
    """Fail once, then succeed."""
    if context.attempt == 1:
        raise RuntimeError("the first attempt fails")


@TYPES.task_type("bench.broken", payload=Text, max_attempts=1)
def broken(payload: Text, context: TaskContext) -> None:
    """Fail without a retry."""
    raise NonRetryable("it is broken")


def payload_of(size: int) -> dict[str, str]:
    """A payload of `size` bytes as JSON."""
    return {"text": "x" * (size - len('{"text":""}'))}
