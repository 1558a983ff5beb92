"""Writes HTTP responses."""

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
    """201 with a new task, or 200 with the task that was created with this idempotency key before.

    `stream` is a ticket to watch the task; None for a caller who may not read.
    """
    body = {**task_view(task), "stream": None if stream is None else _ticket(stream)}
    # A relative reference holds below any stage path and custom domain.
    headers: Headers = {"Location": f"./tasks/{task.id}", "ETag": version_tag(task.version)}
    if replayed:
        return Response(body, headers | {"Idempotency-Replayed": "true"}, 200)
    return Response(body, headers, 201)


def created_many(outcomes: Sequence[Task | Exception]) -> Response:
    """207 with the result of each task of a batch, in order."""
    results = [_result(outcome, number) for number, outcome in enumerate(outcomes)]
    return Response({"results": results}, status_code=207)


def _result(outcome: Task | Exception, number: int) -> dict[str, Any]:
    if isinstance(outcome, Task):
        return {"status": 201, "task": task_view(outcome)}
    if isinstance(outcome, TaskServiceError):
        document = problem(outcome, f"/tasks/{number}")
    else:
        document = unexpected(outcome)
    return {"status": document["status"], "problem": document}


def task_or_304(request: Request, task: Task, caller: Caller) -> Response:
    """200 with the task, or 304 if the caller has this version. Administrators get the audit, too."""
    if has_version(request, task):
        return Response("", {"ETag": version_tag(task.version)}, 304)
    audit = {"audit": task_audit(task)} if caller.may(Scope.ADMIN) else {}
    return Response({**task_view(task), **audit}, {"ETag": version_tag(task.version)}, 200)


def has_version(request: Request, task: Task) -> bool:
    """Does If-None-Match name this version of the task?"""
    return matches(request, version_tag(task.version))


def ends_wait(request: Request, task: Task) -> bool:
    """Does this version end the wait: one that If-None-Match does not name, or, without it, a final one?"""
    return not has_version(request, task) if "if-none-match" in request.headers else task.terminal


def with_preference_applied(response: Response, seconds: int | None) -> Response:
    """The response with the wait of `seconds` in Preference-Applied, if one was granted."""
    if seconds is not None:
        response.headers["Preference-Applied"] = f"wait={seconds}"
    return response


def ok_task(task: Task) -> Response:
    """200 with the task."""
    return Response(task_view(task), {"ETag": version_tag(task.version)}, 200)


def deleted() -> Response:
    """204 without a body."""
    return Response("", status_code=204)


def page(tasks: Sequence[Task], cursor: str | None) -> Response:
    """200 with a page of tasks; `cursor` is that of the next page."""
    return Response({"tasks": [task_summary(task) for task in tasks], "next_cursor": cursor}, status_code=200)


def task_types(types: Iterable[TaskType[Any]], paused: Mapping[str, Pause]) -> Response:
    """200 with all task types and their pauses."""
    return Response(
        {"task_types": [_task_type(each, paused.get(each.name)) for each in types]}, status_code=200
    )


def task_type(changed: tuple[TaskType[Any], Pause | None]) -> Response:
    """200 with a task type that was paused or resumed."""
    return Response(_task_type(*changed), status_code=200)


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
    """202 with a started redrive."""
    return Response(redrive.view(), {"Location": f"./redrives/{redrive.id}"}, 202)


def ticket(issued: IssuedTicket) -> Response:
    """201 with a ticket for the WebSocket API."""
    return Response(_ticket(issued), status_code=201)


def _ticket(issued: IssuedTicket) -> dict[str, str | None]:
    return {"ticket": issued.ticket, "url": issued.url, "expires_at": timestamp(issued.connect_by)}


def json(body: dict[str, Any]) -> Response:
    """200 with a JSON object."""
    return Response(body, status_code=200)


def document(request: Request, text: str) -> Response:
    """200 with a public JSON document, or 304 if the caller has it."""
    tag = content_tag(text)
    headers: Headers = {"ETag": tag, "Cache-Control": "no-cache", "Content-Type": "application/json"}
    current = matches(request, tag)
    return Response("" if current else text, headers, 304 if current else 200)
