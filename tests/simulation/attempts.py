"""What the attempts of a simulated task do: `attempt(fail()), attempt(progress(50), wait(20))`.

The example fails first; then it reports progress, works for 20 seconds and returns. The last attempt repeats.
"""

from __future__ import annotations

from typing import Any

Step = list[Any]  #: a name, and its arguments, as JSON
Attempt = list[Step]


def attempt(*steps: Step) -> Attempt:
    """One attempt of a task: its steps, after which it returns a result."""
    return list(steps)


def wait(seconds: float) -> Step:
    """Work for some seconds."""
    return ["wait", seconds]


def freeze(seconds: float) -> Step:
    """Stop the whole process for some seconds."""
    return ["freeze", seconds]


def progress(percent: float) -> Step:
    """Report progress."""
    return ["progress", percent]


def watch(seconds: int) -> Step:
    """Work in steps of two seconds, and end when a cancel is requested."""
    return ["watch", seconds]


def big_result() -> Step:
    """Return a result that is stored as an item of its own."""
    return ["big"]


def fail() -> Step:
    """Raise an error that is retried."""
    return ["fail"]


def reject() -> Step:
    """Raise an error that ends the task."""
    return ["reject"]


def retry_after(seconds: float) -> Step:
    """Fail, with the wait until the next attempt."""
    return ["retry_after", seconds]


def snooze_for(seconds: float) -> Step:
    """Snooze for some seconds."""
    return ["snooze", seconds]


def cancel() -> Step:
    """Cancel the task."""
    return ["cancel"]


#: The attempts of random tasks.
CHOICES: list[Attempt] = [
    attempt(),
    attempt(),
    attempt(progress(50), wait(3), progress(80)),
    attempt(wait(30), progress(20), wait(50), progress(60), wait(50)),
    attempt(watch(40)),
    attempt(fail()),
    attempt(wait(5), fail()),
    attempt(retry_after(45)),
    attempt(reject()),
    attempt(snooze_for(2)),
    attempt(snooze_for(200)),
    attempt(cancel()),
    attempt(big_result()),
    attempt(wait(300)),
]
