"""What a command's exit code tells."""

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
#: What the user can put right in the command itself.
_USERS_MISTAKES: Final = (BadRequest, Invalid, NotConfigured, TooLarge)


def of_task(task: Task) -> int:
    """By what became of a task."""
    return _OF_STATUS.get(task.status, SUCCEEDED)


def of_error(error: TaskServiceError) -> int:
    """By what went wrong."""
    if isinstance(error, WaitTimeout):
        return TIMED_OUT
    return USAGE if isinstance(error, _USERS_MISTAKES) else FAILED


def worst(codes: Iterable[int]) -> int:
    """One code for several tasks: failed before timed out before canceled before succeeded."""
    return min(codes, key=(FAILED, USAGE, TIMED_OUT, CANCELED, SUCCEEDED).index, default=SUCCEEDED)
