"""The exit codes of commands."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from task_service_client.errors import (
    BadRequest,
    Invalid,
    NotConfigured,
    TaskServiceError,
    TooLarge,
    WaitTimeout,
)
from task_service_client.models import Task

SUCCEEDED: Final = 0
FAILED: Final = 1
USAGE: Final = 2
CANCELED: Final = 3
TIMED_OUT: Final = 4
INTERRUPTED: Final = 130

_OF_STATUS: Final = {"failed": FAILED, "canceled": CANCELED, "expired": CANCELED}
#: Errors that the user can correct in the command.
_USAGE_ERRORS: Final = (BadRequest, Invalid, NotConfigured, TooLarge)


def of_task(task: Task) -> int:
    """The exit code for the status of a task."""
    return _OF_STATUS.get(task.status, SUCCEEDED)


def of_error(error: TaskServiceError) -> int:
    """The exit code for an error."""
    if isinstance(error, WaitTimeout):
        return TIMED_OUT
    return USAGE if isinstance(error, _USAGE_ERRORS) else FAILED


def worst(codes: Iterable[int]) -> int:
    """One code for several tasks: the first of failed, wrong usage, timed out, canceled and succeeded."""
    return min(codes, key=(FAILED, USAGE, TIMED_OUT, CANCELED, SUCCEEDED).index, default=SUCCEEDED)
