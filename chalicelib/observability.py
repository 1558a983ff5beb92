"""Structured JSON logs and EMF metrics, with the ids of the invocation and the task.

A log record is one JSON line with the keys of `_Formatter`. Metrics use CloudWatch's Embedded Metric Format:
CloudWatch reads them from a JSON line on standard output, which costs no request. The ids of an invocation
are bound once and appear on all of its lines, in every thread. `log.about` adds those of a task.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from datetime import UTC, datetime
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

from chalicelib.domain.formats import timestamp

if TYPE_CHECKING:
    from chalicelib.domain.task import Task

NAMESPACE = "TaskService"
T = TypeVar("T")
R = TypeVar("R")
#: Not the app's name: Chalice has a logger with that name.
_LOGGER = logging.getLogger("chalicelib")
_bound: ContextVar[Mapping[str, Any] | None] = ContextVar("bound", default=None)


class _Formatter(logging.Formatter):
    """One JSON object per line: timestamp, level, message, bound fields such as request_id, own fields."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "timestamp": timestamp(datetime.fromtimestamp(record.created, UTC)),
            "level": record.levelname,
            "message": record.getMessage(),
            **(_bound.get() or {}),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=True)


class _StandardOutput:
    """Standard output at the time of each write: tests replace it after the logger is configured."""

    def write(self, text: str) -> None:
        sys.stdout.write(text)

    def flush(self) -> None:
        sys.stdout.flush()


class Log:
    """A logger with fields. Messages are constant sentences; variable parts are fields.

    `action` is for programs. Never log payloads, results, tokens or URLs with credentials.
    """

    def __init__(self, **fields: Any) -> None:
        self._fields = fields

    def bind(self, **fields: Any) -> Log:
        """The same logger with more fields on every line."""
        return Log(**{**self._fields, **fields})

    def about(self, task: Task) -> Log:
        """The same logger with the ids of a task on every line.

        The correlation id is the task's, even if the current request has another.
        """
        return self.bind(task_id=task.id, task_type=task.type, correlation_id=task.correlation_id)

    def info(self, message: str, **fields: Any) -> None:
        """Log an event."""
        self._log(logging.INFO, message, fields)

    def warning(self, message: str, **fields: Any) -> None:
        """Log a problem that the service handled."""
        self._log(logging.WARNING, message, fields)

    def error(self, message: str, **fields: Any) -> None:
        """Log a problem that an operator should examine."""
        self._log(logging.ERROR, message, fields)

    def exception(self, message: str, **fields: Any) -> None:
        """Log an error with the traceback of the current exception."""
        self._log(logging.ERROR, message, fields, exc_info=True)

    def _log(self, level: int, message: str, fields: Mapping[str, Any], *, exc_info: bool = False) -> None:
        _LOGGER.log(level, message, extra={"fields": {**self._fields, **fields}}, exc_info=exc_info)


log = Log()


def configure(level: str) -> None:
    """Send the service's log lines to standard output as JSON."""
    _LOGGER.setLevel(level)
    _LOGGER.propagate = False
    if not _LOGGER.handlers:
        handler = logging.StreamHandler(_StandardOutput())
        handler.setFormatter(_Formatter())
        _LOGGER.addHandler(handler)


@contextmanager
def log_context(**fields: Any) -> Iterator[None]:
    """Put `fields` on every line that this thread logs inside the block."""
    token = _bound.set({**(_bound.get() or {}), **fields})
    try:
        yield
    finally:
        _bound.reset(token)


def with_log_context(function: Callable[[T], R]) -> Callable[[T], R]:
    """`function` with the currently bound fields, for use in another thread."""
    context = copy_context()
    return lambda argument: context.copy().run(function, argument)


class Metrics:
    """Collects metrics from all threads of an invocation; `flush` prints them as EMF lines."""

    #: CloudWatch reads at most this many values of a metric from one line.
    _VALUES = 100

    def __init__(self, stage: str) -> None:
        self._stage = stage
        self._lock = Lock()
        self._values: defaultdict[tuple[tuple[str, str], ...], dict[tuple[str, str], list[float]]]
        self._values = defaultdict(lambda: defaultdict(list))

    def add(self, name: str, value: float = 1, unit: str = "Count", **dimensions: str) -> None:
        """Collect one value. `dimensions` are added to Stage."""
        with self._lock:
            self._values[tuple(sorted(dimensions.items()))][name, unit].append(value)

    def flush(self) -> None:
        """Print the collected values, one line per set of dimensions, and clear them."""
        with self._lock:
            collected, self._values = self._values, defaultdict(lambda: defaultdict(list))
        for dimensions, metrics in collected.items():
            for start in range(0, max(map(len, metrics.values())), self._VALUES):
                chunk = {key: values[start : start + self._VALUES] for key, values in metrics.items()}
                self._print(dict(dimensions), {key: values for key, values in chunk.items() if values})
        sys.stdout.flush()  # a process that exits by itself right after this would lose its buffer

    def _print(self, dimensions: dict[str, str], metrics: Mapping[tuple[str, str], list[float]]) -> None:
        labels = {"Stage": self._stage, **dimensions}
        line = {
            "_aws": {
                "Timestamp": int(time.time() * 1000),
                "CloudWatchMetrics": [
                    {
                        "Namespace": NAMESPACE,
                        "Dimensions": [["Stage"], list(labels)] if dimensions else [["Stage"]],
                        "Metrics": [{"Name": name, "Unit": unit} for name, unit in metrics],
                    }
                ],
            },
            **labels,
            **{name: values[0] if len(values) == 1 else values for (name, _), values in metrics.items()},
        }
        sys.stdout.write(json.dumps(line) + "\n")
