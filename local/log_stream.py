"""Merges the logs of all functions into one stream, ordered by time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from infra import APP_NAME, LOCAL_STAGE

#: The prefix of the stage's log groups.
LOG_GROUPS: Final = f"/aws/lambda/{APP_NAME}-{LOCAL_STAGE}"
#: A line may appear a little after its timestamp: each read starts this much earlier.
OVERLAP_MS: Final = 3000


@dataclass(frozen=True, kw_only=True)
class LogLine:
    """A line that a function wrote."""

    function: str
    text: str
    written_at: datetime


class LogStream:
    """Reads the lines that functions write from now on to log groups with this prefix."""

    def __init__(self, logs: Any, prefix: str, clock: Callable[[], float] = time.time) -> None:
        self._logs = logs
        self._prefix = prefix
        self._clock = clock
        self._started = self._since = int(clock() * 1000)
        self._shown: dict[str, int] = {}

    def read_new(self) -> Iterator[LogLine]:
        """Yield the lines that no earlier call has returned, oldest first.

        The emulator writes all lines of an invocation at once to a log stream of their own: a stream that
        was read once is complete.
        """
        start, now = self._since, int(self._clock() * 1000)
        events = [
            (event, self._function(group))
            for group in self._groups()
            for event in self._logs.filter_log_events(logGroupName=group, startTime=start)["events"]
            if event["logStreamName"] not in self._shown
        ]
        self._since = max(self._started, now - OVERLAP_MS)  # only after everything was read
        self._shown = {name: at for name, at in self._shown.items() if at >= start}
        for event, function in sorted(events, key=lambda pair: int(pair[0]["timestamp"])):
            self._shown[event["logStreamName"]] = int(event["timestamp"])
            written_at = datetime.fromtimestamp(event["timestamp"] / 1000, UTC)
            yield LogLine(function=function, text=event["message"].rstrip(), written_at=written_at)

    def _groups(self) -> list[str]:
        groups = self._logs.describe_log_groups(logGroupNamePrefix=self._prefix)["logGroups"]
        return [group["logGroupName"] for group in groups]

    def _function(self, group: str) -> str:
        return group.removeprefix(self._prefix).lstrip("-") or "api"
