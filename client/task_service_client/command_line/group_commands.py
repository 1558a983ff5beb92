"""Commands for dead letters, redrives, task types and statistics."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

import typer
from rich.json import JSON
from typer.completion import get_completion_script  # type: ignore[attr-defined]

from task_service_client.command_line import bulk
from task_service_client.command_line.options import (
    RATE,
    AsJson,
    DryRun,
    Everything,
    Limit,
    OfType,
    Rate,
    Yes,
    filter_of,
)
from task_service_client.command_line.rendering import (
    count_of,
    dead_letters_table,
    groups_table,
    redrives_table,
    stats_view,
    task_types_table,
)
from task_service_client.command_line.session import Session, jsons
from task_service_client.models import Redrive, TaskType

OfGroup = Annotated[
    str | None, typer.Option("--group", "-g", help="The id of a group, from `dead-letters ls`.")
]
OfKind = Annotated[str | None, typer.Option("--kind", help="Only this kind of error, such as timeout.")]
Name = Annotated[str, typer.Argument(metavar="TYPE")]
RedriveId = Annotated[str, typer.Argument(metavar="REDRIVE")]

dead_letters = typer.Typer(no_args_is_help=True, help="List and retry tasks whose last attempt failed.")
redrives = typer.Typer(no_args_is_help=True, help="List, show and stop retries and cancels of many tasks.")
types = typer.Typer(invoke_without_command=True, help="List, show, pause and resume task types.")


class Shell(StrEnum):
    """The shells with a completion script."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"
    PWSH = "pwsh"


@dead_letters.command("ls")
def list_dead_letters(
    ctx: typer.Context,
    group: OfGroup = None,
    type: OfType = None,
    kind: OfKind = None,
    limit: Limit = 100,
    json: AsJson = False,
) -> None:
    """List the groups of dead letters, or with --group the dead letters of one."""
    session: Session = ctx.obj
    now = datetime.now(UTC)
    pending = 0
    if group is not None:
        letters = [*session.client.dead_letters(group, limit=limit)]
        table = dead_letters_table(letters, now)
        rows = jsons(letters)
    else:
        groups = session.client.dead_letter_groups(type=type, kind=kind)[:limit]
        table = groups_table(groups, now)
        rows = jsons(groups)
        pending = session.client.stats(minutes=1).pending_dead_letters
    if json:
        session.show_json(rows)
    elif rows:
        session.show(table)
    elif not pending:
        session.print_note("No dead letters.")
    if pending:
        session.print_note(f"{count_of(pending, 'dead letter')} will be recorded within five minutes.")


@dead_letters.command("retry")
def retry_dead_letters(
    ctx: typer.Context,
    group: OfGroup = None,
    type: OfType = None,
    kind: OfKind = None,
    everything: Everything = False,
    dry_run: DryRun = False,
    rate: Rate = RATE,
    yes: Yes = False,
    json: AsJson = False,
) -> int:
    """Retry the tasks of a group, of a type, of a kind of error, or all."""
    criteria = filter_of(group=group, type=type, error_kind=kind, all=everything)
    if not criteria:
        raise typer.BadParameter("choose the tasks by --group, --type, --kind or --all.")
    return bulk.matching(ctx.obj, criteria, "retry", dry_run=dry_run, rate=rate, yes=yes, as_json=json)


@redrives.command("ls")
def list_redrives(ctx: typer.Context, limit: Limit = 25, json: AsJson = False) -> None:
    """List redrives, newest first."""
    session: Session = ctx.obj
    redrives = [*session.client.redrives(limit=limit)]
    if json:
        session.show_json(jsons(redrives))
    else:
        session.show(redrives_table(redrives, datetime.now(UTC)))


@redrives.command("show")
def show_redrive(ctx: typer.Context, redrive_id: RedriveId, json: AsJson = False) -> None:
    """Show the progress of a redrive."""
    session: Session = ctx.obj
    _show_redrive(session, session.client.get_redrive(redrive_id), as_json=json)


@redrives.command("abort")
def abort_redrive(ctx: typer.Context, redrive_id: RedriveId, json: AsJson = False) -> None:
    """Stop a redrive. Its changes so far remain."""
    session: Session = ctx.obj
    _show_redrive(session, session.client.abort_redrive(redrive_id), as_json=json)


def _show_redrive(session: Session, redrive: Redrive, *, as_json: bool) -> None:
    if as_json:
        session.show_json(redrive.json)
    else:
        session.show(redrives_table([redrive], datetime.now(UTC)))


@types.callback()
def list_types(ctx: typer.Context, json: AsJson = False) -> None:
    """List the task types. A payload field with ? is optional."""
    if ctx.invoked_subcommand is None:
        session: Session = ctx.obj
        task_types = session.client.task_types()
        if json:
            session.show_json(jsons(task_types))
        else:
            session.show(task_types_table(task_types))


@types.command("show")
def show_type(ctx: typer.Context, name: Name, json: AsJson = False) -> None:
    """Show a task type with the JSON Schema of its payload."""
    session: Session = ctx.obj
    task_type = next((each for each in session.client.task_types() if each.name == name), None)
    if task_type is None:
        raise typer.BadParameter(f"there is no task type {name!r}: see `tasks types`.")
    if json:
        session.show_json(task_type.json)
    else:
        session.show(task_types_table([task_type]))
        session.show(JSON.from_data(task_type.payload_schema))


@types.command("pause")
def pause_type(
    ctx: typer.Context,
    name: Name,
    reason: Annotated[str | None, typer.Option(help="The reason, shown to other users.")] = None,
    json: AsJson = False,
) -> None:
    """Pause a task type: its tasks wait until `resume`. None is lost."""
    session: Session = ctx.obj
    _show_type(session, session.client.pause(name, reason=reason), as_json=json)


@types.command("resume")
def resume_type(ctx: typer.Context, name: Name, json: AsJson = False) -> None:
    """Resume a task type."""
    session: Session = ctx.obj
    _show_type(session, session.client.resume(name), as_json=json)


def _show_type(session: Session, task_type: TaskType, *, as_json: bool) -> None:
    if as_json:
        session.show_json(task_type.json)
    else:
        session.print_note(f"{task_type.name} is {'paused' if task_type.paused else 'running'}", style="")


def stats(
    ctx: typer.Context,
    minutes: Annotated[int, typer.Option("--minutes", "-m", min=1, max=1440)] = 60,
    json: AsJson = False,
) -> None:
    """Show the counts of the last minutes and the depths of the queues."""
    session: Session = ctx.obj
    stats = session.client.stats(minutes=minutes)
    if json:
        session.show_json(stats.json)
    else:
        session.show(stats_view(stats, minutes))


def completion(ctx: typer.Context, shell: Annotated[Shell, typer.Argument()]) -> None:
    """Print the completion script of a shell. Usage: eval "$(tasks completion bash)"."""
    session: Session = ctx.obj
    script = get_completion_script(prog_name="tasks", complete_var="_TASKS_COMPLETE", shell=shell.value)
    session.out.file.write(script + "\n")


def register(app: typer.Typer) -> None:
    """Add these commands to `app`, in the order of the help page."""
    app.add_typer(dead_letters, name="dead-letters")
    app.add_typer(redrives, name="redrives")
    app.add_typer(types, name="types")
    app.command()(stats)
    app.command()(completion)
