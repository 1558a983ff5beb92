"""Task types to try the service with: one takes time, one fails."""

from __future__ import annotations

import time
from typing import TypedDict

from pydantic import BaseModel, ConfigDict, Field

from chalicelib.domain.outcomes import Cancel
from chalicelib.domain.task_types import Lane, TaskContext, task_type


class Sleep(BaseModel):
    """The duration and the number of steps."""

    model_config = ConfigDict(extra="forbid")

    seconds: float = Field(
        ge=0, le=100, allow_inf_nan=False, description="At most what the fast lane allows."
    )
    steps: int = Field(default=10, ge=1, le=100)


class Slept(TypedDict):
    """The duration."""

    slept_seconds: float


@task_type("demo.sleep", payload=Sleep, lane=Lane.FAST, max_attempts=3, timeout_seconds=100)
def sleep(payload: Sleep, context: TaskContext) -> Slept | Cancel:
    """Sleep in steps and report progress after each; a cancel request ends the task after its step."""
    for step in range(1, payload.steps + 1):
        time.sleep(payload.seconds / payload.steps)
        context.progress(100 * step / payload.steps, f"step {step} of {payload.steps}")
        if context.cancel_requested:
            return Cancel("canceled on request")
    return {"slept_seconds": payload.seconds}


class Fail(BaseModel):
    """The error message, and the number of failures."""

    model_config = ConfigDict(extra="forbid")

    message: str = Field(default="This task fails on purpose.", max_length=1000)
    times: int | None = Field(default=None, ge=0, description="Number of attempts that fail; null fails all.")


class Survived(TypedDict):
    """The attempt that did not fail."""

    attempt: int


class FailedOnPurpose(Exception):
    """The failure that the payload requests."""


@task_type("demo.fail", payload=Fail, max_attempts=3)
def fail(payload: Fail, context: TaskContext) -> Survived:
    """Fail on the first attempts, or on all of them."""
    if payload.times is None or context.attempt <= payload.times:
        raise FailedOnPurpose(payload.message)
    return {"attempt": context.attempt}
