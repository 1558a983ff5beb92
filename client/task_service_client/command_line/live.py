"""Moving output: the progress bar of one task, the live table of many."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

from task_service_client.command_line.rendering import STYLES, tasks_table
from task_service_client.models import Redrive, Task

_REFRESHES_PER_SECOND: Final = 8


class ProgressBar:
    """A bar that pulses until a percentage is known, and is removed at the end."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=30, complete_style="cyan", pulse_style="bright_black"),
            TaskProgressColumn(),
            TextColumn("{task.fields[message]}", style="dim", markup=False),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._bar = self._progress.add_task("", total=None, message="")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def show_task(self, task: Task) -> None:
        """Show the status and progress of a task."""
        if task.finished:  # the bar is removed
            return
        style = STYLES.get(task.status, "")
        message = task.progress.message or "" if task.progress and task.status == "running" else ""
        if task.status == "retrying" and task.error is not None:
            message = f"{task.error.type}: {task.error.message}"
        percent = task.progress.percent if task.progress and task.status == "running" else None
        self._update(f"[{style}]{task.status}[/]", percent, message)

    def show_redrive(self, redrive: Redrive) -> None:
        """Show the progress of a redrive."""
        handled = redrive.changed + redrive.skipped + redrive.failed
        percent = 100 * handled / redrive.matched if redrive.matched else None
        self._update(redrive.action, percent, f"{redrive.changed} of {redrive.matched}")

    def _update(self, description: str, percent: float | None, message: str) -> None:
        self._progress.update(
            self._bar,
            description=description,
            completed=percent or 0,
            total=None if percent is None else 100,
            message=message,
        )


class LiveTable:
    """A table of the newest tasks that is redrawn continuously."""

    def __init__(self, console: Console, tasks: Iterable[Task], limit: int) -> None:
        self._tasks = {task.id: task for task in tasks}
        self._limit = limit
        self._connected = False
        self._live = Live(
            console=console,
            get_renderable=self._render,
            refresh_per_second=_REFRESHES_PER_SECOND,
            screen=False,
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def update(self, task: Task) -> None:
        """Show a newer version of a task."""
        newest = sorted({**self._tasks, task.id: task}.items(), reverse=True)[: self._limit]
        self._tasks = dict(newest)  # replaced, not mutated: another thread draws it

    def connection(self, connected: bool) -> None:
        """Show whether the connection is open."""
        self._connected = connected

    def _render(self) -> RenderableType:
        table = tasks_table(self._tasks.values(), datetime.now(UTC))
        state = Text("● live", style="green") if self._connected else Text("○ connecting …", style="yellow")
        return Group(table, Text(""), state + Text("   Ctrl-C ends", style="dim"))
