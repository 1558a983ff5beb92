"""HTTP out: what was asked for, as responses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from chalice.app import Request, Response

from chalicelib.domain.caller import Caller, Scope
from chalicelib.domain.errors import TaskServiceError
from chalicelib.domain.formats import timestamp
from chalicelib.domain.task import Task
from chalicelib.domain.views import task_audit, task_summary, task_view
from chalicelib.http.etags import content_tag, matches, version_tag
from chalicelib.http.problems import Headers, problem, unexpected

if TYPE_CHECKING:
    from chalicelib.domain.pauses import Pause
    from chalicelib.domain.redrive import Redrive
    from chalicelib.domain.task_types import TaskType
    from chalicelib.domain.ticket import IssuedTicket


def created(task: Task, stream: IssuedTicket | None, *, replayed: bool = False) -> Response:
    """201 for a new task; 200 for the one that an idempotency key made before.

    `stream` is a pass to watch it, for a caller who may.
    """
    body = {**task_view(task), "stream": None if stream is None else _ticket(stream)}
    # A relative reference holds below any stage path and custom domain.
    headers: Headers = {"Location": f"./tasks/{task.id}", "ETag": version_tag(task.version)}
    if replayed:
        return Response(body, headers | {"Idempotency-Replayed": "true"}, 200)
    return Response(body, headers, 201)


def created_many(made: Sequence[Task | Exception]) -> Response:
    """207 with what became of each task, in order."""
    return Response({"results": [_result(each, number) for number, each in enumerate(made)]}, status_code=207)


def _result(made: Task | Exception, number: int) -> dict[str, Any]:
    if isinstance(made, Task):
        return {"status": 201, "task": task_view(made)}
    found = problem(made, f"/tasks/{number}") if isinstance(made, TaskServiceError) else unexpected(made)
    return {"status": found["status"], "problem": found}


def task_or_304(request: Request, task: Task, caller: Caller) -> Response:
    """200 with the task, or 304 when the caller has this version; administrators see who did what to it."""
    if is_known(request, task):
        return Response("", {"ETag": version_tag(task.version)}, 304)
    audit = {"audit": task_audit(task)} if caller.may(Scope.ADMIN) else {}
    return Response({**task_view(task), **audit}, {"ETag": version_tag(task.version)}, 200)


def is_known(request: Request, task: Task) -> bool:
    """Does If-None-Match name this version of the task?"""
    return matches(request, version_tag(task.version))


def is_news(request: Request, task: Task) -> bool:
    """Is it what a waiting caller waits for: another version than the known one, or else the end?"""
    return not is_known(request, task) if "if-none-match" in request.headers else task.terminal


def with_preference_applied(response: Response, seconds: int | None) -> Response:
    """The response, which says that a wait of `seconds` was granted, if one was."""
    if seconds is not None:
        response.headers["Preference-Applied"] = f"wait={seconds}"
    return response


def ok_task(task: Task) -> Response:
    """200 with the task as it is now."""
    return Response(task_view(task), {"ETag": version_tag(task.version)}, 200)


def deleted() -> Response:
    """204."""
    return Response("", status_code=204)


def page(tasks: Sequence[Task], cursor: str | None) -> Response:
    """A page of a list."""
    return Response({"tasks": [task_summary(task) for task in tasks], "next_cursor": cursor}, status_code=200)


def task_types(types: Iterable[TaskType[Any]], paused: Mapping[str, Pause]) -> Response:
    """What tasks can be asked for."""
    return Response(
        {"task_types": [_task_type(each, paused.get(each.name)) for each in types]}, status_code=200
    )


def task_type(switched: tuple[TaskType[Any], Pause | None]) -> Response:
    """200 with a task type, paused or not."""
    return Response(_task_type(*switched), status_code=200)


def _task_type(each: TaskType[Any], pause: Pause | None) -> dict[str, Any]:
    return {
        "name": each.name,
        "description": each.description,
        "lane": each.lane.value,
        "payload_schema": each.payload_model.model_json_schema(),
        "defaults": {"max_attempts": each.max_attempts, "timeout_seconds": each.timeout_seconds},
        "paused": None if pause is None else pause.view(),
    }


def accepted(redrive: Redrive) -> Response:
    """202 with a redrive that was started."""
    return Response(redrive.view(), {"Location": f"./redrives/{redrive.id}"}, 202)


def ticket(made: IssuedTicket) -> Response:
    """201 with a pass to the WebSocket API."""
    return Response(_ticket(made), status_code=201)


def _ticket(made: IssuedTicket) -> dict[str, str | None]:
    return {"ticket": made.ticket, "url": made.url, "expires_at": timestamp(made.connect_by)}


def json(body: dict[str, Any]) -> Response:
    """200 with a JSON object."""
    return Response(body, status_code=200)


def document(request: Request, text: str) -> Response:
    """A public JSON document that seldom changes; 304 when the caller has it."""
    tag = content_tag(text)
    headers: Headers = {"ETag": tag, "Cache-Control": "no-cache", "Content-Type": "application/json"}
    known = matches(request, tag)
    return Response("" if known else text, headers, 304 if known else 200)
