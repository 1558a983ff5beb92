"""Commands for tasks."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from task_service_client.command_line import bulk, exit_codes
from task_service_client.command_line.arguments import parse_duration, parse_payload, parse_time
from task_service_client.command_line.live import LiveTable, ProgressBar
from task_service_client.command_line.options import (
    RATE,
    After,
    AsJson,
    Before,
    DryRun,
    Everything,
    Limit,
    OfStatus,
    OfType,
    Rate,
    TaskId,
    TaskIds,
    Timeout,
    WithTag,
    Yes,
    filter_of,
)
from task_service_client.command_line.rendering import (
    duration,
    explanation_view,
    status_line,
    task_details,
    tasks_table,
)
from task_service_client.command_line.session import Session, jsons
from task_service_client.errors import NotSucceeded, WaitTimeout
from task_service_client.models import Task

Type = Annotated[str, typer.Argument(metavar="TYPE", help="See `tasks types`.")]
Items = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="FIELD",
        help="A field of the payload: name=value (JSON if valid, else text), name:=JSON, name=@FILE (text of"
        " a file), name:=@FILE (JSON of a file).",
    ),
]
Whole = Annotated[
    str | None, typer.Option("--payload", "-p", help="The whole payload: JSON, @FILE, or - for stdin.")
]
Wait = Annotated[bool, typer.Option("--wait", "-w", help="Wait until it has finished, with a progress bar.")]
Tags = Annotated[list[str] | None, typer.Option("--tag", help="A tag; may be repeated.")]
Delay = Annotated[
    float | None,
    typer.Option(parser=parse_duration, metavar="DURATION", help="Start after this time, such as 5m."),
]
RunAt = Annotated[
    datetime | None, typer.Option(parser=parse_time, metavar="TIME", help="Start at this time.")
]
ExpiresAt = Annotated[
    datetime | None, typer.Option(parser=parse_time, metavar="TIME", help="Expire if not started by then.")
]
MaxAttempts = Annotated[int | None, typer.Option(min=1, help="The maximum number of attempts.")]
RunTimeout = Annotated[
    float | None, typer.Option(min=1, help="Stop an attempt that reports no progress for this long.")
]
Key = Annotated[
    str | None, typer.Option(help="The same key and payload within 24 hours return the same task.")
]


def run(
    ctx: typer.Context,
    type: Type,
    items: Items = None,
    payload: Whole = None,
    wait: Wait = False,
    timeout: Timeout = None,
    tag: Tags = None,
    delay: Delay = None,
    run_at: RunAt = None,
    expires_at: ExpiresAt = None,
    max_attempts: MaxAttempts = None,
    timeout_seconds: RunTimeout = None,
    idempotency_key: Key = None,
    json: AsJson = False,
) -> int:
    """Create a task."""
    session: Session = ctx.obj
    whole_payload = parse_payload(items or [], payload)
    task = session.client.create(
        type,
        whole_payload,
        tags=tag or [],
        delay_seconds=delay,
        run_at=run_at,
        expires_at=expires_at,
        max_attempts=max_attempts,
        timeout_seconds=timeout_seconds,
        idempotency_key=idempotency_key,
    )
    if wait:
        return _wait(session, task, timeout, as_json=json)
    if json:
        session.show_json(task.json)
    else:
        session.show(status_line(task.id, task.status))
    return exit_codes.SUCCEEDED


def wait(ctx: typer.Context, task_id: TaskId, timeout: Timeout = None, json: AsJson = False) -> int:
    """Wait until a task has finished, with a progress bar."""
    return _wait(ctx.obj, task_id, timeout, as_json=json)


def _wait(session: Session, task: Task | str, timeout: float | None, *, as_json: bool) -> int:
    task_id = task if isinstance(task, str) else task.id
    with ProgressBar(session.err) as bar, session.resumable(f"tasks wait {task_id}"):
        try:
            task = session.client.wait(task, timeout=timeout, on_update=bar.show_task)
        except WaitTimeout as error:
            if as_json:
                session.show_json(error.task.json)
            raise
    if as_json:
        session.show_json(task.json)
        return exit_codes.of_task(task)
    try:
        task.raise_for_status()
    except NotSucceeded as error:
        session.print_error(error)
    else:
        took = duration(task.started_at, task.finished_at)
        session.print_note(f"{task.id} succeeded in {took}, attempt {task.attempt} of {task.max_attempts}")
        session.show_json(task.result)
    return exit_codes.of_task(task)


def ls(
    ctx: typer.Context,
    status: OfStatus = None,
    type: OfType = None,
    tag: WithTag = None,
    limit: Limit = 25,
    everything: Everything = False,
    json: AsJson = False,
) -> None:
    """List tasks, newest first."""
    session: Session = ctx.obj
    tasks = session.client.list(status=status, type=type, tag=tag, limit=None if everything else limit)
    if json:
        session.show_json(jsons([*tasks]))
    else:
        session.show(tasks_table(tasks, datetime.now(UTC)))


def show(ctx: typer.Context, task_id: TaskId, json: AsJson = False) -> None:
    """Show a task with its attempts, payload and result."""
    session: Session = ctx.obj
    task = session.client.get(task_id)
    if json:
        session.show_json(task.json)
    else:
        session.show(task_details(task, datetime.now(UTC)))


def explain(ctx: typer.Context, task_id: TaskId, json: AsJson = False) -> None:
    """Explain the status of a task and what happens next."""
    session: Session = ctx.obj
    explanation = session.client.explain(task_id)
    if json:
        session.show_json(explanation.json)
    else:
        session.show(explanation_view(explanation, datetime.now(UTC)))


def watch(
    ctx: typer.Context,
    type: OfType = None,
    limit: Limit = 20,
    json: AsJson = False,
) -> None:
    """Watch tasks in a live table; without a terminal, print one line per update."""
    session: Session = ctx.obj
    client = session.client
    if session.out.is_terminal and not json:
        newest = [*client.list(type=type, limit=limit)]
        with LiveTable(session.out, newest, limit) as table:
            for task in client.watch(type=type, known=newest, batch=True, on_connection=table.connection):
                table.update(task)
    for task in client.watch(type=type, on_connection=lambda on: _note_connection(session, on=on)):
        if json:
            session.show_line(task.json)
        else:
            session.show(_update_line(task))


def _note_connection(session: Session, *, on: bool) -> None:
    session.print_note("watching" if on else "connection lost, reconnecting")


def _update_line(task: Task) -> str:
    percent = f"{task.progress.percent:.0f}%" if task.progress and task.status == "running" else ""
    return f"{task.id}  v{task.version}  {task.type}  {task.status}  {percent}".rstrip()


def cancel(
    ctx: typer.Context,
    task_ids: TaskIds = None,
    status: OfStatus = None,
    type: OfType = None,
    tag: WithTag = None,
    created_before: Before = None,
    created_after: After = None,
    everything: Everything = False,
    dry_run: DryRun = False,
    rate: Rate = RATE,
    yes: Yes = False,
    json: AsJson = False,
) -> int:
    """Cancel unfinished tasks: those with these ids, or all that match the options."""
    session: Session = ctx.obj
    criteria = filter_of(
        status=status,
        type=type,
        tag=tag,
        created_before=created_before,
        created_after=created_after,
        all=everything,
    )
    if _by_id(task_ids, bool(criteria)):
        return bulk.each(session, task_ids or [], session.client.cancel, as_json=json, done="canceled")
    return bulk.matching(session, criteria, "cancel", dry_run=dry_run, rate=rate, yes=yes, as_json=json)


def retry(
    ctx: typer.Context,
    task_ids: TaskIds = None,
    status: OfStatus = None,
    type: OfType = None,
    tag: WithTag = None,
    error_kind: Annotated[
        str | None, typer.Option("--kind", help="Only this kind of error, such as timeout or exception.")
    ] = None,
    created_before: Before = None,
    created_after: After = None,
    everything: Everything = False,
    dry_run: DryRun = False,
    rate: Rate = RATE,
    yes: Yes = False,
    json: AsJson = False,
) -> int:
    """Retry failed, canceled or expired tasks: those with these ids, or all that match the options."""
    session: Session = ctx.obj
    criteria = filter_of(
        status=status,
        type=type,
        tag=tag,
        error_kind=error_kind,
        created_before=created_before,
        created_after=created_after,
        all=everything,
    )
    if _by_id(task_ids, bool(criteria)):
        return bulk.each(session, task_ids or [], session.client.retry, as_json=json, done="queued")
    return bulk.matching(session, criteria, "retry", dry_run=dry_run, rate=rate, yes=yes, as_json=json)


def _by_id(task_ids: list[str] | None, filtered: bool) -> bool:
    """Were ids given, and no options? Raises: BadParameter."""
    if bool(task_ids) == filtered:
        raise typer.BadParameter("choose the tasks by ids, by options such as --type, or by --all.")
    return bool(task_ids)


def delete(ctx: typer.Context, task_ids: TaskIds = None, json: AsJson = False) -> int:
    """Delete finished tasks."""
    session: Session = ctx.obj
    if not task_ids:
        raise typer.BadParameter("give the id of at least one task.")
    return bulk.each(session, task_ids, session.client.delete, as_json=json, done="deleted")


def register(app: typer.Typer) -> None:
    """Add these commands to `app`, in the order of the help page."""
    app.command()(run)
    app.command()(wait)
    app.command()(ls)
    app.command()(show)
    app.command()(watch)
    app.command()(explain)
    app.command()(cancel)
    app.command()(retry)
    app.command()(delete)
