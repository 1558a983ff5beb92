"""Commands about tasks."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from task_service_client.command_line import bulk, exit_codes
from task_service_client.command_line.arguments import moment_of, payload_of, seconds_of
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
    explanation,
    status_line,
    task_details,
    tasks_table,
)
from task_service_client.command_line.session import Session, jsons
from task_service_client.errors import NotSucceeded
from task_service_client.models import Task

Type = Annotated[str, typer.Argument(metavar="TYPE", help="See `tasks types`.")]
Items = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="FIELD",
        help="Of the payload: name=value (JSON where it is JSON, else text), name:=JSON, name=@FILE (its"
        " text), name:=@FILE (the JSON in it).",
    ),
]
Whole = Annotated[
    str | None, typer.Option("--payload", "-p", help="The whole payload: JSON, @FILE, or - for stdin.")
]
Wait = Annotated[bool, typer.Option("--wait", "-w", help="Wait for its end, with a progress bar.")]
Tags = Annotated[list[str] | None, typer.Option("--tag", help="May be repeated.")]
Delay = Annotated[
    float | None, typer.Option(parser=seconds_of, metavar="DURATION", help="Start later, such as 5m.")
]
RunAt = Annotated[datetime | None, typer.Option(parser=moment_of, metavar="MOMENT", help="Start then.")]
ExpiresAt = Annotated[
    datetime | None, typer.Option(parser=moment_of, metavar="MOMENT", help="Start before then, or never.")
]
MaxAttempts = Annotated[int | None, typer.Option(min=1, help="Tries at most.")]
Silence = Annotated[float | None, typer.Option(min=1, help="The longest silence of a run.")]
Key = Annotated[str | None, typer.Option(help="The same key and payload within 24 hours: the same task.")]


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
    timeout_seconds: Silence = None,
    idempotency_key: Key = None,
    json: AsJson = False,
) -> int:
    """Create a task."""
    session: Session = ctx.obj
    whole_payload = payload_of(items or [], payload)
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
    """Wait for a task's end, with a progress bar."""
    return _wait(ctx.obj, task_id, timeout, as_json=json)


def _wait(session: Session, task: Task | str, timeout: float | None, *, as_json: bool) -> int:
    task_id = task if isinstance(task, str) else task.id
    with ProgressBar(session.err) as bar, session.going_on(f"tasks wait {task_id}"):
        ended = session.client.wait(task, timeout=timeout, on_update=bar.show_task)
    if as_json:
        session.show_json(ended.json)
        return exit_codes.of_task(ended)
    try:
        ended.raise_for_status()
    except NotSucceeded as error:
        session.complain(error)
    else:
        took = duration(ended.started_at, ended.finished_at)
        session.say(f"{ended.id} succeeded in {took}, attempt {ended.attempt} of {ended.max_attempts}")
        session.show_json(ended.result)
    return exit_codes.of_task(ended)


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
    found = session.client.list(status=status, type=type, tag=tag, limit=None if everything else limit)
    if json:
        session.show_json(jsons([*found]))
    else:
        session.show(tasks_table(found, datetime.now(UTC)))


def show(ctx: typer.Context, task_id: TaskId, json: AsJson = False) -> None:
    """Show everything about a task."""
    session: Session = ctx.obj
    task = session.client.get(task_id)
    if json:
        session.show_json(task.json)
    else:
        session.show(task_details(task, datetime.now(UTC)))


def explain(ctx: typer.Context, task_id: TaskId, json: AsJson = False) -> None:
    """Tell why a task is where it is, and what happens next."""
    session: Session = ctx.obj
    found = session.client.explain(task_id)
    if json:
        session.show_json(found.json)
    else:
        session.show(explanation(found, datetime.now(UTC)))


def watch(
    ctx: typer.Context,
    type: OfType = None,
    limit: Limit = 20,
    json: AsJson = False,
) -> None:
    """Watch tasks change: a live table, or one line an update where there is no terminal."""
    session: Session = ctx.obj
    client = session.client
    if session.out.is_terminal and not json:
        newest = [*client.list(type=type, limit=limit)]
        with LiveTable(session.out, newest, limit) as table:
            for task in client.watch(type=type, known=newest, batch=True, on_connection=table.connection):
                table.update(task)
    for task in client.watch(type=type, on_connection=lambda on: _tell_connection(session, on=on)):
        if json:
            session.show_line(task.json)
        else:
            session.show(_update_line(task))


def _tell_connection(session: Session, *, on: bool) -> None:
    session.say("watching" if on else "connection lost, connecting anew")


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
    """Cancel tasks that have not finished: those with these ids, or all that fit the options."""
    session: Session = ctx.obj
    wanted = filter_of(
        status=status,
        type=type,
        tag=tag,
        created_before=created_before,
        created_after=created_after,
        all=everything,
    )
    if _by_id(task_ids, bool(wanted)):
        return bulk.each(session, task_ids or [], session.client.cancel, as_json=json, done="canceled")
    return bulk.matching(session, wanted, "cancel", dry_run=dry_run, rate=rate, yes=yes, as_json=json)


def retry(
    ctx: typer.Context,
    task_ids: TaskIds = None,
    status: OfStatus = None,
    type: OfType = None,
    tag: WithTag = None,
    error_kind: Annotated[str | None, typer.Option("--kind", help="Such as timeout or exception.")] = None,
    created_before: Before = None,
    created_after: After = None,
    everything: Everything = False,
    dry_run: DryRun = False,
    rate: Rate = RATE,
    yes: Yes = False,
    json: AsJson = False,
) -> int:
    """Give a new life to tasks that failed: those with these ids, or all that fit the options."""
    session: Session = ctx.obj
    wanted = filter_of(
        status=status,
        type=type,
        tag=tag,
        error_kind=error_kind,
        created_before=created_before,
        created_after=created_after,
        all=everything,
    )
    if _by_id(task_ids, bool(wanted)):
        return bulk.each(session, task_ids or [], session.client.retry, as_json=json, done="queued")
    return bulk.matching(session, wanted, "retry", dry_run=dry_run, rate=rate, yes=yes, as_json=json)


def _by_id(task_ids: list[str] | None, filtered: bool) -> bool:
    """Are tasks named by their ids? Raises: BadParameter."""
    if bool(task_ids) == filtered:
        raise typer.BadParameter("name tasks by their ids, or by options such as --type; --all is all.")
    return bool(task_ids)


def delete(ctx: typer.Context, task_ids: TaskIds = None, json: AsJson = False) -> int:
    """Remove finished tasks."""
    session: Session = ctx.obj
    if not task_ids:
        raise typer.BadParameter("name at least one task by its id.")
    return bulk.each(session, task_ids, session.client.delete, as_json=json, done="deleted")


def register(app: typer.Typer) -> None:
    """Make them commands of `app`, in the order in which help shows them."""
    app.command()(run)
    app.command()(wait)
    app.command()(ls)
    app.command()(show)
    app.command()(watch)
    app.command()(explain)
    app.command()(cancel)
    app.command()(retry)
    app.command()(delete)
