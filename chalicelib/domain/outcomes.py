"""What a task type can answer, besides a result: values it returns and errors it raises.

A returned value is the result. `Snooze` and `Cancel` are returned too: they are outcomes, not failures.
Any exception is a failure that is tried again, with two of meaning: `NonRetryable` ends the task at
once, `RetryAfter` sets the wait.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Snooze:
    """Run again after `seconds`; the attempt is given back."""

    seconds: float

    def __post_init__(self) -> None:
        if self.seconds < 0:
            raise ValueError(f"Snooze(seconds={self.seconds}): seconds must be 0 or more")


@dataclass(frozen=True, slots=True)
class Cancel:
    """End the task as canceled, for `reason`."""

    reason: str = ""


class NonRetryable(Exception):
    """Trying again cannot help: the task fails now, whatever attempts it has left."""

    kind = "exception"


class Rejected(NonRetryable):
    """The input itself is refused, a forbidden address for one: `error.kind` is rejected."""

    kind = "rejected"


class RetryAfter(Exception):
    """Try again after `seconds` instead of after the usual backoff."""

    def __init__(self, seconds: float, message: str = "") -> None:
        if seconds < 0:
            raise ValueError(f"RetryAfter({seconds}): seconds must be 0 or more")
        super().__init__(message or f"asked to be tried again after {seconds:g} s")
        self.seconds = seconds


class LeaseLost(Exception):
    """This run no longer holds its task: stop, nothing it says is recorded any more."""
