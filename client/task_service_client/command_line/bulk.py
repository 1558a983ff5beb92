"""Retrying and canceling many tasks: by their ids, or whatever fits a filter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from task_service_client._redrive_operations import Action, Filter
from task_service_client.command_line import exit_codes
from task_service_client.command_line.live import ProgressBar
from task_service_client.command_line.rendering import redrives_table, status_line, tasks_table
from task_service_client.command_line.session import Session
from task_service_client.errors import TaskServiceError
from task_service_client.models import Preview, Redrive, Task


def each(
    session: Session, task_ids: Sequence[str], do: Callable[[str], Task | None], *, as_json: bool, done: str
) -> int:
    """Do something with each task by its id; the exit code. One that is refused does not stop the others."""
    codes, tasks = [exit_codes.SUCCEEDED], []
    for task_id in task_ids:
        try:
            task = do(task_id)
        except TaskServiceError as error:
            session.complain(error)
            codes.append(exit_codes.of_error(error))
            continue
        if task is not None:
            tasks.append(task.json)
        if not as_json:
            session.show(status_line(task_id, task.status if task else done))
    if as_json:
        session.show_json(tasks)
    return exit_codes.worst(codes)


def matching(
    session: Session,
    wanted: Filter,
    action: Action,
    *,
    dry_run: bool,
    rate: int,
    yes: bool,
    as_json: bool,
) -> int:
    """Retry or cancel what fits a filter, after a look at how much that is; the exit code."""
    preview = session.client.preview_redrive(wanted, action=action)
    if dry_run:
        _show_preview(session, preview, action, as_json=as_json)
        return exit_codes.SUCCEEDED
    if not preview.matched and not preview.more:
        return _nothing(session, preview, as_json=as_json)
    session.agree(f"{action.capitalize()} {_count(preview)}?", yes=yes)
    redrive = session.client.redrive(wanted, action=action, rate=rate)
    with ProgressBar(session.err) as bar, session.going_on(f"tasks redrives show {redrive.id}"):
        redrive = session.client.wait_for_redrive(redrive.id, on_update=bar.show_redrive)
    return _report(session, redrive, as_json=as_json)


def _show_preview(session: Session, preview: Preview, action: Action, *, as_json: bool) -> None:
    if as_json:
        session.show_json(preview.json)
        return
    session.say(f"It would {action} {_count(preview)}, such as:")
    session.show(tasks_table(preview.sample, datetime.now(UTC)))


def _nothing(session: Session, preview: Preview, *, as_json: bool) -> int:
    if as_json:
        session.show_json(preview.json)
    else:
        session.say("No task fits.")
    return exit_codes.SUCCEEDED


def _report(session: Session, redrive: Redrive, *, as_json: bool) -> int:
    if as_json:
        session.show_json(redrive.json)
    else:
        session.show(redrives_table([redrive], datetime.now(UTC)))
    return exit_codes.SUCCEEDED if redrive.status == "done" and not redrive.failed else exit_codes.FAILED


def _count(preview: Preview) -> str:
    return (
        f"{'more than ' if preview.more else ''}{preview.matched} task{'' if preview.matched == 1 else 's'}"
    )
