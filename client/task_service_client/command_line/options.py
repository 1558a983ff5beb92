"""The options and arguments that several commands share."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, cast

import typer

from task_service_client._redrive_operations import Filter
from task_service_client.command_line.arguments import moment_of, seconds_of

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
TaskId = Annotated[str, typer.Argument(metavar="ID", help="The task.")]
TaskIds = Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="The tasks, by id.")]
OfStatus = Annotated[str | None, typer.Option("--status", "-s", help="Only tasks with this status.")]
OfType = Annotated[str | None, typer.Option("--type", "-t", help="Only tasks of this type.")]
WithTag = Annotated[str | None, typer.Option("--tag", help="Only tasks with this tag.")]
Before = Annotated[
    datetime | None,
    typer.Option("--created-before", parser=moment_of, metavar="MOMENT", help="Such as -2h, or RFC 3339."),
]
After = Annotated[
    datetime | None,
    typer.Option("--created-after", parser=moment_of, metavar="MOMENT", help="Such as -2h, or RFC 3339."),
]
Everything = Annotated[bool, typer.Option("--all", help="Really all of them.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only tell how many there are.")]
Rate = Annotated[int, typer.Option("--rate", min=1, max=100, help="Tasks a second.")]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, help="At most so many.")]
Timeout = Annotated[
    float | None,
    typer.Option("--timeout", parser=seconds_of, metavar="DURATION", help="Wait no longer: exit code 4."),
]

RATE: Final = 10


def filter_of(**given: Any) -> Filter:
    """The filter of a redrive: what was given."""
    return cast(Filter, {name: value for name, value in given.items() if value not in (None, False)})
