"""Structured JSON logs, EMF metrics, and the ids that tie them together.

One line a log record, keys as in `_Formatter`. Metrics are CloudWatch's Embedded Metric Format: a JSON line
on standard output that CloudWatch turns into metrics, at no request and no latency. The ids of an invocation
are bound once and found on its every line, whatever thread wrote it; `log.about` adds those of a task.
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
#: Chalice has a logger called like the app; this one is ours.
_LOGGER = logging.getLogger("chalicelib")
_bound: ContextVar[Mapping[str, Any] | None] = ContextVar("bound", default=None)


class _Formatter(logging.Formatter):
    """One JSON object a line: timestamp, level, message, action, function, request_id, then the fields."""

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
    """Standard output as it is now: whoever runs the service may exchange it after a logger was made."""

    def write(self, text: str) -> None:
        sys.stdout.write(text)

    def flush(self) -> None:
        sys.stdout.flush()


class Log:
    """A logger with fields. Messages are constant sentences; what varies goes into fields.

    `action` is for machines. Never log payloads, results, tokens or URLs with credentials.
    """

    def __init__(self, **fields: Any) -> None:
        self._fields = fields

    def bind(self, **fields: Any) -> Log:
        """The same logger with more fields on every line."""
        return Log(**{**self._fields, **fields})

    def about(self, task: Task) -> Log:
        """The same logger, whose every line tells which task it is about.

        Its correlation id is the task's, also where the request at hand has another.
        """
        return self.bind(task_id=task.id, task_type=task.type, correlation_id=task.correlation_id)

    def info(self, message: str, **fields: Any) -> None:
        """Log what happened."""
        self._log(logging.INFO, message, fields)

    def warning(self, message: str, **fields: Any) -> None:
        """Log what went wrong and was dealt with."""
        self._log(logging.WARNING, message, fields)

    def error(self, message: str, **fields: Any) -> None:
        """Log what somebody should look into."""
        self._log(logging.ERROR, message, fields)

    def exception(self, message: str, **fields: Any) -> None:
        """An error with the traceback of the exception at hand."""
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
    """`function`, with the fields that are bound here, for use in another thread."""
    context = copy_context()
    return lambda argument: context.copy().run(function, argument)


class Metrics:
    """Collects values from all threads of an invocation; `flush` prints them as EMF lines."""

    #: CloudWatch takes at most this many values of a metric in one line.
    _VALUES = 100

    def __init__(self, stage: str) -> None:
        self._stage = stage
        self._lock = Lock()
        self._values: defaultdict[tuple[tuple[str, str], ...], dict[tuple[str, str], list[float]]]
        self._values = defaultdict(lambda: defaultdict(list))

    def add(self, name: str, value: float = 1, unit: str = "Count", **dimensions: str) -> None:
        """Note one value; `dimensions` come on top of Stage."""
        with self._lock:
            self._values[tuple(sorted(dimensions.items()))][name, unit].append(value)

    def flush(self) -> None:
        """Print what was collected, one line a set of dimensions, and forget it."""
        with self._lock:
            collected, self._values = self._values, defaultdict(lambda: defaultdict(list))
        for dimensions, metrics in collected.items():
            for start in range(0, max(map(len, metrics.values())), self._VALUES):
                chunk = {key: values[start : start + self._VALUES] for key, values in metrics.items()}
                self._print(dict(dimensions), {key: values for key, values in chunk.items() if values})
        sys.stdout.flush()  # a process that ends itself right after this takes what is buffered with it

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
