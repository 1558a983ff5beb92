"""All functions' logs in one stream, in the order in which they were written."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from infra import APP_NAME, LOCAL_STAGE

#: What the names of the stage's log groups begin with.
LOG_GROUPS: Final = f"/aws/lambda/{APP_NAME}-{LOCAL_STAGE}"
#: Lines may appear a little later than they are stamped: so far back is looked again.
OVERLAP_MS: Final = 3000


@dataclass(frozen=True, kw_only=True)
class LogLine:
    """A line that a function wrote."""

    function: str
    text: str
    written_at: datetime


class LogStream:
    """What the functions whose log groups begin with `prefix` write from now on."""

    def __init__(self, logs: Any, prefix: str, clock: Callable[[], float] = time.time) -> None:
        self._logs = logs
        self._prefix = prefix
        self._clock = clock
        self._begun = self._since = int(clock() * 1000)
        self._shown: dict[str, int] = {}

    def read_new(self) -> Iterator[LogLine]:
        """The lines that no earlier call has returned, oldest first.

        The emulator writes an invocation's lines at once and into a log stream of their own: one that was
        seen has no more to say.
        """
        start, now = self._since, int(self._clock() * 1000)
        events = [
            (event, self._function(group))
            for group in self._groups()
            for event in self._logs.filter_log_events(logGroupName=group, startTime=start)["events"]
            if event["logStreamName"] not in self._shown
        ]
        self._since = max(self._begun, now - OVERLAP_MS)  # not before everything was read
        self._shown = {name: at for name, at in self._shown.items() if at >= start}
        for event, function in sorted(events, key=lambda found: int(found[0]["timestamp"])):
            self._shown[event["logStreamName"]] = int(event["timestamp"])
            written_at = datetime.fromtimestamp(event["timestamp"] / 1000, UTC)
            yield LogLine(function=function, text=event["message"].rstrip(), written_at=written_at)

    def _groups(self) -> list[str]:
        found = self._logs.describe_log_groups(logGroupNamePrefix=self._prefix)["logGroups"]
        return [group["logGroupName"] for group in found]

    def _function(self, group: str) -> str:
        return group.removeprefix(self._prefix).lstrip("-") or "api"
