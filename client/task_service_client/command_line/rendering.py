"""Renders values as text, tables and charts, without side effects."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import zip_longest
from typing import Any, Final

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.json import JSON
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from task_service_client.models import (
    Attempt,
    DeadLetter,
    DeadLetterGroup,
    Explanation,
    Redrive,
    Stats,
    Task,
    TaskError,
    TaskType,
)

STYLES: Final[Mapping[str, str]] = {
    "scheduled": "blue",
    "queued": "yellow",
    "running": "cyan",
    "retrying": "magenta",
    "succeeded": "green",
    "failed": "red",
    "canceled": "bright_black",
    "expired": "bright_black",
    "done": "green",
    "aborted": "bright_black",
}
_BARS: Final = "▁▂▃▄▅▆▇█"
_BAR_CELLS: Final = 10
#: From this width on, a row of `TasksTable` has room for all columns.
_WIDE: Final = 105
_NARROW_TYPE: Final = 11


def status_text(status: str) -> Text:
    """A colored status."""
    return Text(status, style=STYLES.get(status, ""))


def status_line(task_id: str, status: str) -> Text:
    """The id and the status of a task."""
    return Text(f"{task_id}  ").append_text(status_text(status))


@dataclass(frozen=True)
class TasksTable:
    """A table of tasks. A narrow terminal gets no progress bars and no times."""

    tasks: Sequence[Task]
    now: datetime

    def __rich_console__(self, _: Console, options: ConsoleOptions) -> RenderResult:
        yield self._wide() if options.max_width >= _WIDE else self._narrow()

    def _wide(self) -> Table:
        columns = ("ID", "TYPE", "STATUS", "PROGRESS", "ATTEMPT", "AGE", "TOOK")
        table = _table(*columns, widths=(36, 10, 9, 8, 7, 6, 6), cut=("TYPE", "PROGRESS"))
        for task in self.tasks:
            table.add_row(
                *self._cells(task, bar=True),
                duration(task.created_at, self.now),
                duration(task.started_at, task.finished_at or self.now if task.started_at else None),
            )
        return table

    def _narrow(self) -> Table:
        columns = ("ID", "TYPE", "STATUS", "PROGRESS", "ATTEMPT")
        table = _table(*columns, widths=(36, _NARROW_TYPE, 9, 8, 7), cut=("PROGRESS",))
        for task in self.tasks:
            table.add_row(*self._cells(task, bar=False))
        return table

    def _cells(self, task: Task, *, bar: bool) -> tuple[RenderableType, ...]:
        attempt = f"{task.attempt}/{task.max_attempts}"
        progress = _one_line(progress_text(task, bar=bar))
        name = _one_line(Text(task.type))
        if not bar:
            name.truncate(_NARROW_TYPE, overflow="ellipsis")
        return task.id, name, status_text(task.status), progress, attempt


def tasks_table(tasks: Iterable[Task], now: datetime) -> TasksTable:
    """A table of tasks."""
    return TasksTable([*tasks], now)


def progress_text(task: Task, *, bar: bool = True) -> Text:
    """The progress of a running task, with a small bar if `bar`; or the error of a failed task."""
    if task.status in ("failed", "retrying") and task.error is not None:
        return Text(f"{task.error.type}: {task.error.message}", style="red")
    if task.progress is None or task.status != "running":
        return Text("")
    percent = Text(f"{task.progress.percent:.0f}%")
    if not bar:
        return percent
    filled = round(task.progress.percent / 100 * _BAR_CELLS)
    cells = Text("━" * filled, style="cyan") + Text("━" * (_BAR_CELLS - filled), style="bright_black")
    return cells + Text(" ") + percent


def task_details(task: Task, now: datetime) -> RenderableType:
    """A task with its attempts, payload and result."""
    facts: dict[str, Any] = {
        "id": task.id,
        "type": task.type,
        "status": _status_with_cancel(task),
        "attempt": f"{task.attempt} of {task.max_attempts}",
        "created": moment(task.created_at, now),
        "starts": moment(task.run_at, now) if task.status in ("scheduled", "retrying") else None,
        "started": moment(task.started_at, now),
        "finished": moment(task.finished_at, now),
        "expires": moment(task.expires_at, now),
        "progress": f"{task.progress.percent:.0f}% {task.progress.message or ''}" if task.progress else None,
        "tags": ", ".join(task.tags) or None,
        "redrives": task.redrive_count or None,
        "dead letter": moment(task.dead_lettered_at, now),
        "error": _error_with_kind(task.error) if task.error else None,
    }
    parts: list[RenderableType] = [_facts(facts)]
    if task.attempts:
        parts += [Text("\nattempts", style="bold"), Padding(_attempts(task.attempts), (0, 0, 0, 2))]
    for name, value in (("payload", task.payload), ("result", task.result)):
        if value is not None:
            parts += [Text(f"\n{name}", style="bold"), Padding(JSON(json.dumps(value)), (0, 0, 0, 2))]
    return Group(*parts)


def _error_with_kind(error: TaskError) -> str:
    """The kind, type and message of an error; one name if the type only repeats the kind."""
    names = error.kind if error.type == error.kind else f"{error.kind}: {error.type}"
    return f"{names}: {error.message}"


def _status_with_cancel(task: Task) -> Text:
    canceling = task.cancel_requested and not task.finished
    return status_text(task.status) + Text(" (cancel requested)" if canceling else "", style="dim")


def _attempts(attempts: Sequence[Attempt]) -> Table:
    table = _table("ATTEMPT", "OUTCOME", "TOOK", "WAIT", "ERROR", widths=(7, 9))
    for each in attempts:
        error = f"{each.error.type}: {each.error.message}" if each.error else ""
        wait = "" if each.next_wait_seconds is None else f"{each.next_wait_seconds:.1f}s"
        took = duration(each.started_at, each.finished_at)
        table.add_row(str(each.number), status_text(each.outcome), took, wait, error)
    return table


def explanation_view(explanation: Explanation, now: datetime) -> RenderableType:
    """The reason for a task's status, and what happens next."""
    ahead = None
    if explanation.ahead is not None:
        about = "about " if explanation.ahead.approximate else ""
        ahead = f"{about}{count_of(explanation.ahead.count, 'task')}"
    facts = {
        "status": status_text(explanation.status),
        "why": explanation.detail,
        "ahead": ahead,
        "until": moment(explanation.until, now),
        "next": explanation.next,
    }
    return _facts(facts)


def task_types_table(types: Iterable[TaskType]) -> Table:
    """A table of task types."""
    table = _table("TYPE", "LANE", "ATTEMPTS", "PAYLOAD", "DESCRIPTION", widths=(12, 4))
    for each in types:
        paused = Text(" paused", style="yellow") if each.paused else Text("")
        fields = each.payload_schema.get("properties", {})
        required = each.payload_schema.get("required", [])
        payload = ", ".join(name if name in required else f"{name}?" for name in fields)
        tries = str(each.defaults.get("max_attempts", ""))
        description = each.description.partition("\n")[0]
        table.add_row(Text(each.name) + paused, each.lane, tries, payload, description)
    return table


def groups_table(groups: Sequence[DeadLetterGroup], now: datetime) -> Table:
    """A table of groups of dead letters."""
    table = _table("GROUP", "COUNT", "TYPE", "KIND", "LAST", "ERROR", widths=(_longest_id(groups), 5))
    for each in groups:
        error = Text(f"{each.error_type}: {each.message}", style="red")
        table.add_row(
            each.id, str(each.count), each.type or "", each.kind, duration(each.last_failed_at, now), error
        )
    return table


def dead_letters_table(letters: Iterable[DeadLetter], now: datetime) -> Table:
    """A table of dead letters."""
    table = _table("TASK", "TYPE", "KIND", "ATTEMPT", "AGE", "ERROR", widths=(36,))
    for each in letters:
        error = Text(f"{each.error_type}: {each.message}", style="red")
        age = duration(each.failed_at, now)
        table.add_row(
            each.task_id or each.key, each.type or "", each.kind, str(each.attempt or ""), age, error
        )
    return table


def redrives_table(redrives: Sequence[Redrive], now: datetime) -> Table:
    """A table of redrives."""
    table = _table(
        "REDRIVE",
        "ACTION",
        "STATUS",
        "CHANGED",
        "SKIPPED",
        "FAILED",
        "AGE",
        "FILTER",
        widths=(_longest_id(redrives), 6, 7),
    )
    for each in redrives:
        table.add_row(
            each.id,
            each.action,
            status_text(each.status),
            f"{each.changed}/{each.matched}",
            str(each.skipped),
            str(each.failed),
            duration(each.created_at, now),
            " ".join(f"{name}={value}" for name, value in each.filter.items() if value is not None),
        )
    return table


def stats_view(stats: Stats, minutes: int) -> RenderableType:
    """Totals, queue depths, and charts of the last minutes."""
    now = datetime.now(UTC)
    totals = _facts(
        {
            name.removesuffix("_ms").replace("_", " "): _count(name, value)
            for name, value in stats.totals.items()
            if value is not None
        }
    )
    queues = _facts({name: _depth(depth) for name, depth in stats.queues.items()})
    charts = Table.grid(padding=(0, 2))
    for name in ("succeeded", "failed"):
        charts.add_row(Text(name, style=STYLES[name]), sparkline(stats.minutes, name, minutes, now))
    title = Text(f"last {minutes} minutes, approximately", style="bold")
    return Group(title, totals, Text("\nqueues", style="bold"), queues, Text(""), charts)


def _depth(depth: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in depth.items())


def _count(name: str, value: float) -> str:
    if not name.endswith("_ms"):
        return str(value)
    return f"{value / 1000:.2f} s" if value >= 1000 else f"{value:.0f} ms"


def sparkline(minutes: Sequence[Mapping[str, Any]], name: str, width: int, now: datetime) -> str:
    """One bar for each of the last minutes, at most 60, newest last, and the count of the highest bar."""
    counts = {str(each["minute"])[:16]: int(each.get(name) or 0) for each in minutes}
    width = min(width, 60)
    last = int(now.timestamp()) // 60
    stamps = [
        datetime.fromtimestamp(60 * (last - back), UTC).isoformat()[:16] for back in range(width - 1, -1, -1)
    ]
    values = [counts.get(stamp, 0) for stamp in stamps]
    highest = max(values, default=0)
    if not highest:
        return "▁" * width + " none"
    marks = (_BARS[round(value / highest * (len(_BARS) - 1))] for value in values)
    return "".join(marks) + f" up to {highest} per minute"


def duration(start: datetime | None, end: datetime | None) -> str:
    """The time between two moments, in its two largest units."""
    if start is None or end is None:
        return ""
    seconds = max(0.0, (end - start).total_seconds())
    if seconds < 10:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    for unit, size, name, lesser in (
        (86_400, 3600, "d", "h"),
        (3600, 60, "h", "m"),
        (60, 1, "m", "s"),
    ):
        if whole >= unit:
            return f"{whole // unit}{name}{whole % unit // size:02}{lesser}"
    return f"{whole}s"


def moment(when: datetime | None, now: datetime) -> str | None:
    """A moment in local time, and its distance from now."""
    if when is None:
        return None
    near = f"in {duration(now, when)}" if when > now else f"{duration(when, now)} ago"
    return f"{when.astimezone():%Y-%m-%d %H:%M:%S} ({near})"


def count_of(count: int, noun: str) -> str:
    """A count with its noun: `1 task`, `2 tasks`."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _one_line(text: Text) -> Text:
    text.no_wrap, text.overflow = True, "ellipsis"
    return text


def _table(*columns: str, widths: Sequence[int], cut: Sequence[str] = ()) -> Table:
    """A table without lines. In a narrow terminal the first columns keep these widths; others are cut.

    The columns in `cut` are cut before all others. Their cells need `_one_line`.
    """
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for name, width in zip_longest(columns, widths):
        table.add_column(name, no_wrap=name not in cut, overflow="ellipsis", min_width=width)
    return table


def _longest_id(rows: Iterable[DeadLetterGroup | Redrive]) -> int:
    return max((len(each.id) for each in rows), default=1)


def _facts(facts: Mapping[str, Any]) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in facts.items():
        if value is not None:
            grid.add_row(name, value if isinstance(value, Text) else Text(str(value)))
    return grid
