"""What a task type can answer, besides a result: values it returns and errors it raises.

A returned value is the result. `Snooze` and `Cancel` are returned too: they are outcomes, not failures.
Any exception is a failure that is tried again, with two of meaning: `NonRetryable` ends the task at
once, `RetryAfter` sets the wait.
"""

from __future__ import annotations

from dataclasses import dataclass

#: The longest wait that can be asked for: a year. A row must be able to hold the moment it ends.
LONGEST_WAIT_SECONDS = 366 * 86_400


@dataclass(frozen=True, slots=True)
class Snooze:
    """Run again after `seconds`; the attempt is given back."""

    seconds: float

    def __post_init__(self) -> None:
        _check_wait("Snooze", self.seconds)


@dataclass(frozen=True, slots=True)
class Cancel:
    """End the task as canceled, for `reason`."""

    reason: str = ""


class NonRetryable(Exception):
    """Trying again cannot help: the task fails now, whatever attempts it has left."""


class Rejected(NonRetryable):
    """The input itself is refused, a forbidden address for one: `error.kind` is rejected."""


class RetryAfter(Exception):
    """Try again after `seconds` instead of after the usual backoff."""

    def __init__(self, seconds: float, message: str = "") -> None:
        _check_wait("RetryAfter", seconds)
        super().__init__(message or f"asked to be tried again after {seconds:g} s")
        self.seconds = seconds


class LeaseLost(Exception):
    """This run no longer holds its task: stop, nothing it says is recorded any more."""


def _check_wait(name: str, seconds: float) -> None:
    if not 0 <= seconds <= LONGEST_WAIT_SECONDS:  # NaN, too, is not
        raise ValueError(f"{name}({seconds}): from 0 to {LONGEST_WAIT_SECONDS} seconds are possible")
