"""A `TaskContext` without a worker. It records the progress that the task type reports."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.domain.outcomes import Rejected


class _Log:
    def info(self, message: str, **fields: Any) -> None:
        logging.info(message, extra=fields)

    warning = error = info


@dataclass
class RecordingContext:
    """The context of a run with a scripted attempt, remaining time, secrets and cancel."""

    task_id: str = "task-1"
    owner: str = "ada"
    attempt: int = 1
    max_attempts: int = 5
    seconds: float = 60.0
    secrets: dict[tuple[str, str], str] = field(default_factory=dict)  #: by name and host
    cancel_after_reports: int | None = None
    reports: list[tuple[float, str]] = field(default_factory=list)
    log: _Log = field(default_factory=_Log)

    @property
    def deadline(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.seconds)

    @property
    def cancel_requested(self) -> bool:
        return self.cancel_after_reports is not None and len(self.reports) >= self.cancel_after_reports

    def remaining_seconds(self) -> float:
        return self.seconds

    def secret(self, name: str, host: str) -> str:
        if (name, host) not in self.secrets:
            raise Rejected(f"there is no secret {name!r} for {host}")
        return self.secrets[name, host]

    def progress(self, percent: float, message: str = "") -> None:
        self.reports.append((percent, message))
