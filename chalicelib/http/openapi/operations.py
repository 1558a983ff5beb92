"""Every operation of the HTTP API: the one table that its OpenAPI document is made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from chalicelib.domain.caller import Scope
from chalicelib.http.schemas import reports as reported
from chalicelib.http.schemas import requests as asked
from chalicelib.http.schemas import responses as answered

#: Routes of pages for people, and of what only these need.
PAGES = frozenset({"/", "/docs", "/assets/{name}", "/config"})

Model = type[BaseModel]
TASK_ID = "01a20bfe-c050-726f-abb9-4a16f9a99701"


@dataclass(frozen=True, kw_only=True, slots=True)
class Operation:
    """A method on a route."""

    method: str
    path: str
    name: str
    summary: str
    answers: Mapping[int, Model | tuple[Model, ...] | None]
    scope: Scope | None = None  #: None: open to everybody
    body: Model | None = None
    body_needed: bool = True
    query: Model | None = None
    headers: tuple[str, ...] = ()  #: components of the document
    sends: tuple[str, ...] = ()  #: headers of good answers, the same
    problems: tuple[int, ...] = ()  #: besides those that follow from the rest
    examples: Mapping[str, Any] = field(default_factory=dict)  #: of the body


_TASK = {"type": "demo.sleep", "payload": {"seconds": 2}, "tags": ["demo"]}
_READ, _WRITE, _ADMIN = Scope.READ, Scope.WRITE, Scope.ADMIN

OPERATIONS = (
    Operation(
        method="post",
        path="/tasks",
        name="create_task",
        summary="Create a task",
        scope=_WRITE,
        body=asked.TaskRequest,
        headers=("IdempotencyKey", "Prefer", "CorrelationId"),
        answers={201: answered.CreatedTask, 200: answered.CreatedTask},
        sends=("ETag", "Location", "PreferenceApplied", "IdempotencyReplayed"),
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
        body=asked.BatchRequest,
        headers=("CorrelationId",),
        answers={207: answered.BatchResults},
        problems=(429,),
        examples={"two": {"tasks": [_TASK, {"type": "demo.fail", "payload": {"times": 1}}]}},
    ),
    Operation(
        method="get",
        path="/tasks",
        name="list_tasks",
        summary="List tasks, newest first",
        scope=_READ,
        query=asked.ListQuery,
        answers={200: answered.TaskPage},
        problems=(400,),
    ),
    Operation(
        method="get",
        path="/tasks/{task_id}",
        name="get_task",
        summary="Get a task, at once or when there is news of it",
        scope=_READ,
        headers=("IfNoneMatch", "Prefer"),
        answers={200: answered.FoundTask, 304: None},
        sends=("ETag", "PreferenceApplied"),
    ),
    Operation(
        method="delete",
        path="/tasks/{task_id}",
        name="delete_task",
        summary="Remove a finished task",
        scope=_WRITE,
        answers={204: None},
        problems=(409,),
    ),
    Operation(
        method="get",
        path="/tasks/{task_id}/explain",
        name="explain_task",
        summary="Why is it not running yet?",
        scope=_READ,
        answers={200: answered.Explanation},
    ),
    Operation(
        method="post",
        path="/tasks/{task_id}/cancel",
        name="cancel_task",
        summary="Cancel a waiting task, or ask a running one to stop",
        scope=_WRITE,
        answers={200: answered.Task},
        sends=("ETag",),
        problems=(409,),
    ),
    Operation(
        method="post",
        path="/tasks/{task_id}/retry",
        name="retry_task",
        summary="Give a failed, canceled or expired task a new life",
        scope=_WRITE,
        answers={200: answered.Task},
        sends=("ETag",),
        problems=(409, 429),
    ),
    Operation(
        method="post",
        path="/tickets",
        name="create_ticket",
        summary="Buy a ticket to the WebSocket API, good for one connection within a minute",
        scope=_READ,
        body=asked.TicketRequest,
        body_needed=False,
        answers={201: answered.Ticket},
        examples={"all": {"watch": "all"}, "one task": {"watch": f"task:{TASK_ID}"}},
    ),
    Operation(
        method="get",
        path="/task-types",
        name="list_task_types",
        summary="What tasks can be asked for",
        scope=_READ,
        answers={200: answered.TaskTypes},
    ),
    Operation(
        method="post",
        path="/task-types/{name}/pause",
        name="pause_task_type",
        summary="Start nothing of a type, until it is resumed",
        scope=_ADMIN,
        body=asked.PauseRequest,
        body_needed=False,
        answers={200: answered.TaskType},
        problems=(409,),
        examples={"an outage": {"reason": "example.com answers 503"}},
    ),
    Operation(
        method="post",
        path="/task-types/{name}/resume",
        name="resume_task_type",
        summary="Start what waited",
        scope=_ADMIN,
        answers={200: answered.TaskType},
    ),
    Operation(
        method="get",
        path="/dead-letters",
        name="list_dead_letters",
        summary="What failed for good, by cause; or the deaths of one cause",
        scope=_ADMIN,
        query=asked.DeadLetterQuery,
        answers={200: (reported.DeathGroups, reported.DeadLetters)},
        problems=(400,),
    ),
    Operation(
        method="post",
        path="/redrives",
        name="create_redrive",
        summary="Retry or cancel all tasks that fit a filter",
        scope=_WRITE,
        body=asked.RedriveRequest,
        answers={202: reported.Redrive, 200: reported.DryRun},
        sends=("Location",),
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
        query=asked.PageQuery,
        answers={200: reported.RedrivePage},
        problems=(400,),
    ),
    Operation(
        method="get",
        path="/redrives/{redrive_id}",
        name="get_redrive",
        summary="How far a redrive has come",
        scope=_READ,
        answers={200: reported.Redrive},
    ),
    Operation(
        method="post",
        path="/redrives/{redrive_id}/abort",
        name="abort_redrive",
        summary="Stop a redrive; what it did stays done",
        scope=_WRITE,
        answers={200: reported.Redrive},
        problems=(409,),
    ),
    Operation(
        method="get",
        path="/stats",
        name="get_stats",
        summary="What happened lately, and what waits",
        scope=_ADMIN,
        query=asked.StatsQuery,
        answers={200: reported.Stats},
    ),
    Operation(
        method="get",
        path="/health",
        name="get_health",
        summary="Does the service answer?",
        answers={200: reported.Health},
    ),
    Operation(
        method="get",
        path="/openapi.json",
        name="get_openapi",
        summary="This document",
        headers=("IfNoneMatch",),
        answers={200: None, 304: None},
        sends=("ETag",),
    ),
)
