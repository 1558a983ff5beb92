"""Commands about dead letters, redrives, task types and the whole."""

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
    dead_letters_table,
    groups_table,
    redrives_table,
    stats_view,
    task_types_table,
)
from task_service_client.command_line.session import Session, jsons
from task_service_client.models import TaskType

OfGroup = Annotated[str | None, typer.Option("--group", "-g", help="Only this group of `dead-letters ls`.")]
OfKind = Annotated[str | None, typer.Option("--kind", help="Only this kind of error, such as timeout.")]
Name = Annotated[str, typer.Argument(metavar="TYPE")]
RedriveId = Annotated[str, typer.Argument(metavar="REDRIVE")]

dead_letters = typer.Typer(no_args_is_help=True, help="Tasks that failed for good, by their cause.")
redrives = typer.Typer(no_args_is_help=True, help="Retries and cancels of many tasks, under way and done.")
types = typer.Typer(invoke_without_command=True, help="What tasks can be asked for.")


class Shell(StrEnum):
    """The shells that can complete."""

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
    """List the groups of dead letters, or with --group the tasks of one."""
    session: Session = ctx.obj
    now = datetime.now(UTC)
    if group is not None:
        letters = [*session.client.dead_letters(group, limit=limit)]
        shown = dead_letters_table(letters, now)
        found = jsons(letters)
    else:
        groups = session.client.dead_letter_groups(type=type, kind=kind)[:limit]
        shown = groups_table(groups, now)
        found = jsons(groups)
    if json:
        session.show_json(found)
    elif found:
        session.show(shown)
    else:
        session.say("No dead letters.")


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
    wanted = filter_of(group=group, type=type, error_kind=kind, all=everything)
    if not wanted:
        raise typer.BadParameter("say which: --group, --type, --kind or --all.")
    return bulk.matching(ctx.obj, wanted, "retry", dry_run=dry_run, rate=rate, yes=yes, as_json=json)


@redrives.command("ls")
def list_redrives(ctx: typer.Context, limit: Limit = 25, json: AsJson = False) -> None:
    """List redrives, newest first."""
    session: Session = ctx.obj
    found = [*session.client.redrives(limit=limit)]
    if json:
        session.show_json(jsons(found))
    else:
        session.show(redrives_table(found, datetime.now(UTC)))


@redrives.command("show")
def show_redrive(ctx: typer.Context, redrive_id: RedriveId, json: AsJson = False) -> None:
    """Show how far a redrive is."""
    session: Session = ctx.obj
    found = session.client.get_redrive(redrive_id)
    if json:
        session.show_json(found.json)
    else:
        session.show(redrives_table([found], datetime.now(UTC)))


@redrives.command("abort")
def abort_redrive(ctx: typer.Context, redrive_id: RedriveId, json: AsJson = False) -> None:
    """Stop a redrive; what it has done stays done."""
    session: Session = ctx.obj
    found = session.client.abort_redrive(redrive_id)
    if json:
        session.show_json(found.json)
    else:
        session.show(redrives_table([found], datetime.now(UTC)))


@types.callback()
def list_types(ctx: typer.Context, json: AsJson = False) -> None:
    """List the task types; a field of a payload with ? may be left out."""
    if ctx.invoked_subcommand is None:
        session: Session = ctx.obj
        found = session.client.task_types()
        if json:
            session.show_json(jsons(found))
        else:
            session.show(task_types_table(found))


@types.command("show")
def show_type(ctx: typer.Context, name: Name, json: AsJson = False) -> None:
    """Show a task type with the JSON Schema of its payload."""
    session: Session = ctx.obj
    found = [each for each in session.client.task_types() if each.name == name]
    if not found:
        raise typer.BadParameter(f"there is no task type {name!r}: see `tasks types`.")
    if json:
        session.show_json(found[0].json)
    else:
        session.show(task_types_table(found))
        session.show(JSON.from_data(found[0].payload_schema))


@types.command("pause")
def pause_type(
    ctx: typer.Context,
    name: Name,
    reason: Annotated[str | None, typer.Option(help="For who wonders why.")] = None,
    json: AsJson = False,
) -> None:
    """Start no task of a type until `resume`. None is lost."""
    session: Session = ctx.obj
    _show_type(session, session.client.pause(name, reason=reason), as_json=json)


@types.command("resume")
def resume_type(ctx: typer.Context, name: Name, json: AsJson = False) -> None:
    """Start tasks of a type again."""
    session: Session = ctx.obj
    _show_type(session, session.client.resume(name), as_json=json)


def _show_type(session: Session, found: TaskType, *, as_json: bool) -> None:
    if as_json:
        session.show_json(found.json)
    else:
        session.say(f"{found.name} is {'paused' if found.paused else 'running'}", style="")


def stats(
    ctx: typer.Context,
    minutes: Annotated[int, typer.Option("--minutes", "-m", min=1, max=1440)] = 60,
    json: AsJson = False,
) -> None:
    """Show what happened lately, and what waits."""
    session: Session = ctx.obj
    found = session.client.stats(minutes=minutes)
    if json:
        session.show_json(found.json)
    else:
        session.show(stats_view(found, minutes))


def completion(ctx: typer.Context, shell: Annotated[Shell, typer.Argument()]) -> None:
    """Print the script that lets a shell complete `tasks`: eval "$(tasks completion bash)"."""
    session: Session = ctx.obj
    script = get_completion_script(prog_name="tasks", complete_var="_TASKS_COMPLETE", shell=shell.value)
    session.out.file.write(script + "\n")


def register(app: typer.Typer) -> None:
    """Make them commands of `app`, in the order in which help shows them."""
    app.add_typer(dead_letters, name="dead-letters")
    app.add_typer(redrives, name="redrives")
    app.add_typer(types, name="types")
    app.command()(stats)
    app.command()(completion)
