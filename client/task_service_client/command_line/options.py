"""Options and arguments of several commands."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, cast

import typer

from task_service_client._redrive_operations import Filter
from task_service_client.command_line.arguments import parse_duration, parse_time

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]
TaskId = Annotated[str, typer.Argument(metavar="ID", help="The id of a task.")]
TaskIds = Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="The ids of tasks.")]
OfStatus = Annotated[str | None, typer.Option("--status", "-s", help="Only tasks with this status.")]
OfType = Annotated[str | None, typer.Option("--type", "-t", help="Only tasks of this type.")]
WithTag = Annotated[str | None, typer.Option("--tag", help="Only tasks with this tag.")]
Before = Annotated[
    datetime | None,
    typer.Option("--created-before", parser=parse_time, metavar="TIME", help="Such as -2h, or RFC 3339."),
]
After = Annotated[
    datetime | None,
    typer.Option("--created-after", parser=parse_time, metavar="TIME", help="Such as -2h, or RFC 3339."),
]
Everything = Annotated[bool, typer.Option("--all", help="All tasks.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only count the tasks.")]
Rate = Annotated[int, typer.Option("--rate", min=1, max=100, help="Tasks per second.")]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, help="The maximum number of rows.")]
Timeout = Annotated[
    float | None,
    typer.Option(
        "--timeout",
        parser=parse_duration,
        metavar="DURATION",
        help="Wait at most this long; exit code 4 after it.",
    ),
]

RATE: Final = 10


def filter_of(**options: Any) -> Filter:
    """The filter of a redrive, from the options that are set."""
    return cast(Filter, {name: value for name, value in options.items() if value not in (None, False)})
