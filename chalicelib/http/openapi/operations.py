"""Every operation of the HTTP API, with its scope. The OpenAPI document is made from this table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from chalicelib.domain.caller import Scope
from chalicelib.http.schemas import reports, requests, responses

Model = type[BaseModel]
TASK_ID = "01a20bfe-c050-726f-abb9-4a16f9a99701"


@dataclass(frozen=True, kw_only=True, slots=True)
class Operation:
    """A method of a path."""

    method: str
    path: str
    name: str
    summary: str
    responses: Mapping[int, Model | tuple[Model, ...] | None]
    scope: Scope | None = None  #: None: no token is needed
    body: Model | None = None
    body_required: bool = True
    query: Model | None = None
    request_headers: tuple[str, ...] = ()  #: keys of `document._REQUEST_HEADERS`
    response_headers: tuple[str, ...] = ()  #: of successful responses; keys of `document._RESPONSE_HEADERS`
    problems: tuple[int, ...] = ()  #: besides those that follow from scope, body and path
    examples: Mapping[str, Any] = field(default_factory=dict)  #: bodies by their titles


_TASK = {"type": "demo.sleep", "payload": {"seconds": 2}, "tags": ["demo"]}
_READ, _WRITE, _ADMIN = Scope.READ, Scope.WRITE, Scope.ADMIN

OPERATIONS = (
    Operation(
        method="post",
        path="/tasks",
        name="create_task",
        summary="Create a task",
        scope=_WRITE,
        body=requests.TaskRequest,
        request_headers=("IdempotencyKey", "Prefer", "CorrelationId"),
        responses={201: responses.CreatedTask, 200: responses.CreatedTask},
        response_headers=("ETag", "Location", "PreferenceApplied", "IdempotencyReplayed"),
        problems=(409, 429),
        examples={
            "now": _TASK,
            "later": {"type": "http.request", "payload": {"url": "https://example.com"}, "delay_seconds": 60},
        },
    ),
    Operation(
        method="post",
        path="/tasks/batch",
        name="create_tasks",
        summary="Create up to 100 tasks",
        scope=_WRITE,
        body=requests.BatchRequest,
        request_headers=("CorrelationId",),
        responses={207: responses.BatchResults},
        problems=(429,),
        examples={"two": {"tasks": [_TASK, {"type": "demo.fail", "payload": {"times": 1}}]}},
    ),
    Operation(
        method="get",
        path="/tasks",
        name="list_tasks",
        summary="List tasks, newest first",
        scope=_READ,
        query=requests.ListQuery,
        responses={200: responses.TaskPage},
        problems=(400,),
    ),
    Operation(
        method="get",
        path="/tasks/{task_id}",
        name="get_task",
        summary="Get a task, at once or when it changes",
        scope=_READ,
        request_headers=("IfNoneMatch", "Prefer"),
        responses={200: responses.FoundTask, 304: None},
        response_headers=("ETag", "PreferenceApplied"),
    ),
    Operation(
        method="delete",
        path="/tasks/{task_id}",
        name="delete_task",
        summary="Delete a finished task",
        scope=_WRITE,
        responses={204: None},
        problems=(409,),
    ),
    Operation(
        method="get",
        path="/tasks/{task_id}/explain",
        name="explain_task",
        summary="Explain why a task is not running yet",
        scope=_READ,
        responses={200: responses.Explanation},
    ),
    Operation(
        method="post",
        path="/tasks/{task_id}/cancel",
        name="cancel_task",
        summary="Cancel a waiting task, or ask a running one to stop",
        scope=_WRITE,
        responses={200: responses.Task},
        response_headers=("ETag",),
        problems=(409,),
    ),
    Operation(
        method="post",
        path="/tasks/{task_id}/retry",
        name="retry_task",
        summary="Retry a failed, canceled or expired task",
        scope=_WRITE,
        responses={200: responses.Task},
        response_headers=("ETag",),
        problems=(409, 429),
    ),
    Operation(
        method="post",
        path="/tickets",
        name="create_ticket",
        summary="Create a ticket for one WebSocket connection within a minute",
        scope=_READ,
        body=requests.TicketRequest,
        body_required=False,
        responses={201: responses.Ticket},
        examples={"all": {"watch": "all"}, "one task": {"watch": f"task:{TASK_ID}"}},
    ),
    Operation(
        method="get",
        path="/task-types",
        name="list_task_types",
        summary="List task types",
        scope=_READ,
        responses={200: responses.TaskTypes},
    ),
    Operation(
        method="post",
        path="/task-types/{name}/pause",
        name="pause_task_type",
        summary="Pause a task type: none of its tasks starts",
        scope=_ADMIN,
        body=requests.PauseRequest,
        body_required=False,
        responses={200: responses.TaskType},
        problems=(409,),
        examples={"an outage": {"reason": "example.com answers 503"}},
    ),
    Operation(
        method="post",
        path="/task-types/{name}/resume",
        name="resume_task_type",
        summary="Resume a task type",
        scope=_ADMIN,
        responses={200: responses.TaskType},
    ),
    Operation(
        method="get",
        path="/dead-letters",
        name="list_dead_letters",
        summary="List dead letters by cause, or those of one cause",
        scope=_ADMIN,
        query=requests.DeadLetterQuery,
        responses={200: (reports.DeadLetterGroups, reports.DeadLetters)},
        problems=(400,),
    ),
    Operation(
        method="post",
        path="/redrives",
        name="create_redrive",
        summary="Retry or cancel all tasks that match a filter",
        scope=_WRITE,
        body=requests.RedriveRequest,
        responses={202: reports.Redrive, 200: reports.DryRun},
        response_headers=("Location",),
        problems=(409,),
        examples={
            "try it out": {"filter": {"type": "http.request", "error_kind": "timeout"}, "dry_run": True},
            "cancel": {"action": "cancel", "filter": {"tag": "demo"}, "rate": 100},
        },
    ),
    Operation(
        method="get",
        path="/redrives",
        name="list_redrives",
        summary="List redrives, newest first",
        scope=_READ,
        query=requests.PageQuery,
        responses={200: reports.RedrivePage},
        problems=(400,),
    ),
    Operation(
        method="get",
        path="/redrives/{redrive_id}",
        name="get_redrive",
        summary="Get a redrive and its progress",
        scope=_READ,
        responses={200: reports.Redrive},
    ),
    Operation(
        method="post",
        path="/redrives/{redrive_id}/abort",
        name="abort_redrive",
        summary="Abort a redrive; finished changes stay",
        scope=_WRITE,
        responses={200: reports.Redrive},
        problems=(409,),
    ),
    Operation(
        method="get",
        path="/stats",
        name="get_stats",
        summary="Get recent counts and queue lengths",
        scope=_ADMIN,
        query=requests.StatsQuery,
        responses={200: reports.Stats},
    ),
    Operation(
        method="get",
        path="/health",
        name="get_health",
        summary="Check that the service responds",
        responses={200: reports.Health},
    ),
    Operation(
        method="get",
        path="/openapi.json",
        name="get_openapi",
        summary="Get this document",
        request_headers=("IfNoneMatch",),
        responses={200: None, 304: None},
        response_headers=("ETag",),
    ),
)
