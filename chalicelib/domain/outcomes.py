"""The outcomes of a run besides its result: values that a task type returns and errors that it raises.

A task type returns its result, or `Snooze` or `Cancel`, which are outcomes and not failures. Every exception
is a failure, and the task is retried. Two exceptions mean more: `NonRetryable` fails the task at once, and
`RetryAfter` sets the wait before the next attempt.
"""

from __future__ import annotations

from dataclasses import dataclass

from chalicelib.domain.timing import DELAY_LIMIT

_WAIT_LIMIT_SECONDS = int(DELAY_LIMIT.total_seconds())


@dataclass(frozen=True, slots=True)
class Snooze:
    """Run the task again after `seconds`. The attempt does not count."""

    seconds: float

    def __post_init__(self) -> None:
        _check_wait("Snooze", self.seconds)


@dataclass(frozen=True, slots=True)
class Cancel:
    """End the task as canceled. `reason` becomes the message of its error."""

    reason: str = ""


class NonRetryable(Exception):
    """A retry cannot help: the task fails now, even with attempts left."""


class Rejected(NonRetryable):
    """The input is refused, for example a forbidden address: `error.kind` is `rejected`."""


class RetryAfter(Exception):
    """The next attempt starts after `seconds` instead of the usual backoff."""

    def __init__(self, seconds: float, message: str = "") -> None:
        _check_wait("RetryAfter", seconds)
        super().__init__(message or f"asked to be tried again after {seconds:g} s")
        self.seconds = seconds


class LeaseLost(Exception):
    """This run no longer holds its task. Stop: nothing that it reports or returns is recorded."""


def _check_wait(name: str, seconds: float) -> None:
    if not 0 <= seconds <= _WAIT_LIMIT_SECONDS:  # false for NaN
        raise ValueError(f"{name}({seconds}): from 0 to {_WAIT_LIMIT_SECONDS} seconds are allowed")
