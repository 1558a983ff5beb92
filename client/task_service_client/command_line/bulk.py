"""Changes many tasks, by their ids or by a filter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from task_service_client._redrive_operations import Action, Filter
from task_service_client.command_line import exit_codes
from task_service_client.command_line.live import ProgressBar
from task_service_client.command_line.rendering import count_of, redrives_table, status_line, tasks_table
from task_service_client.command_line.session import Session
from task_service_client.errors import TaskServiceError
from task_service_client.models import Preview, Redrive, Task


def each(
    session: Session,
    task_ids: Sequence[str],
    change: Callable[[str], Task | None],
    *,
    as_json: bool,
    done: str,
) -> int:
    """Change each task and return the exit code. A refused task does not stop the others."""
    codes, tasks = [exit_codes.SUCCEEDED], []
    for task_id in task_ids:
        try:
            task = change(task_id)
        except TaskServiceError as error:
            session.print_error(error)
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
    filter: Filter,
    action: Action,
    *,
    dry_run: bool,
    rate: int,
    yes: bool,
    as_json: bool,
) -> int:
    """Retry or cancel the matching tasks after a preview, and return the exit code."""
    preview = session.client.preview_redrive(filter, action=action)
    if not preview.matched and not preview.more:
        return _show_no_match(session, preview, as_json=as_json)
    if dry_run:
        _show_preview(session, preview, action, as_json=as_json)
        return exit_codes.SUCCEEDED
    session.confirm(f"{action.capitalize()} {_count(preview)}?", yes=yes)
    redrive = session.client.redrive(filter, action=action, rate=rate)
    with ProgressBar(session.err) as bar, session.resumable(f"tasks redrives show {redrive.id}"):
        redrive = session.client.wait_for_redrive(redrive.id, on_update=bar.show_redrive)
    return _show_redrive(session, redrive, as_json=as_json)


def _show_preview(session: Session, preview: Preview, action: Action, *, as_json: bool) -> None:
    if as_json:
        session.show_json(preview.json)
        return
    session.print_note(f"This would {action} {_count(preview)}, such as:")
    session.show(tasks_table(preview.sample, datetime.now(UTC)))


def _show_no_match(session: Session, preview: Preview, *, as_json: bool) -> int:
    if as_json:
        session.show_json(preview.json)
    else:
        session.print_note("No task matches.")
    return exit_codes.SUCCEEDED


def _show_redrive(session: Session, redrive: Redrive, *, as_json: bool) -> int:
    if as_json:
        session.show_json(redrive.json)
    else:
        session.show(redrives_table([redrive], datetime.now(UTC)))
    return exit_codes.SUCCEEDED if redrive.status == "done" and not redrive.failed else exit_codes.FAILED


def _count(preview: Preview) -> str:
    return f"{'more than ' if preview.more else ''}{count_of(preview.matched, 'task')}"
