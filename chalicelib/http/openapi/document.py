"""The OpenAPI 3.1 document of the HTTP API, made from its operations and their pydantic models."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from chalicelib.domain.caller import Scope
from chalicelib.http.openapi.operations import OPERATIONS, TASK_ID, Model, Operation
from chalicelib.http.schemas.responses import Problem
from chalicelib.settings import VERSION

_SCHEMA = "#/components/schemas/"
_TEXT = {"type": "string"}
#: Of each problem, what it means.
_PROBLEMS = {
    400: "Cannot be read; or the cursor is of another list",
    401: "No good token",
    403: "The token lacks the scope, or names another owner",
    404: "There is no such thing for this owner",
    409: "Its state does not allow it",
    413: "Over 256 KB",
    415: "Not JSON",
    422: "Wrong fields",
    429: "Over a limit of the owner",
    503: "Try again in a moment",
}
_HEADERS: dict[str, dict[str, Any]] = {
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "description": "For 24 hours the same key and body answer the task that is there.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255},
    },
    "Prefer": {
        "name": "Prefer",
        "description": "`wait=N`: answer when there is news, or after N seconds (20 at most).",
        "schema": _TEXT,
        "example": "wait=5",
    },
    "CorrelationId": {
        "name": "X-Correlation-Id",
        "description": "Follows the task through every log, if it is fit for that: up to 128 characters.",
        "schema": _TEXT,
    },
    "IfNoneMatch": {
        "name": "If-None-Match",
        "description": "The ETag that you have: 304 when it is still the one.",
        "schema": _TEXT,
        "example": '"v3"',
    },
}
_SENT: dict[str, tuple[str, str]] = {
    "ETag": ("ETag", "The version"),
    "Location": ("Location", "Where it is, relative to the request"),
    "PreferenceApplied": ("Preference-Applied", "The wait that was granted"),
    "IdempotencyReplayed": ("Idempotency-Replayed", "true when the task was there before"),
}
_OWNER = {
    "name": "owner",
    "in": "query",
    "description": "Another owner, for whom an administrator acts.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[^#\\x00-\\x1f\\x7f]+$"},
}
_PATH: dict[str, dict[str, Any]] = {
    "task_id": {"schema": {"type": "string", "format": "uuid"}, "example": TASK_ID},
    "redrive_id": {"schema": {"type": "string", "format": "uuid"}, "example": TASK_ID},
    "name": {
        "schema": {"type": "string", "pattern": r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$"},
        "example": "demo.sleep",
    },
}
_DESCRIPTION = (
    "POST a task; it is stored, queued, run, and tried again until it succeeds or dies. Every change reaches"
    " those who watch by WebSocket. Times are RFC 3339 in UTC. Errors are problems (RFC 9457)."
)


@cache
def text() -> str:
    """The document as JSON; made when it is first asked for."""
    return json.dumps(document(VERSION), separators=(",", ":"))


def document(version: str) -> dict[str, Any]:
    """The OpenAPI document of this `version` of the service."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Task Processing Service",
            "version": version,
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "."}],
        "paths": paths,
        "components": {
            "schemas": _schemas(),
            "parameters": {
                "Owner": _OWNER,
                **{name: {"in": "header", **header} for name, header in _HEADERS.items()},
            },
            "responses": {_problem_name(status): _problem(status) for status in _PROBLEMS},
            "headers": {name: {"description": words, "schema": _TEXT} for name, (_, words) in _SENT.items()},
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "Scopes: " + ", ".join(scope.value for scope in Scope),
                }
            },
        },
    }


def _operation(operation: Operation) -> dict[str, Any]:
    found: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "tags": [operation.path.split("/")[1]],
        "parameters": list(_parameters(operation)),
        "responses": dict(_responses(operation)),
        "security": [],
    }
    if operation.scope is not None:
        found["security"] = [{"token": [operation.scope.value]}]
        found["description"] = f"Needs the scope `{operation.scope.value}`."
    if operation.body is not None:
        media: dict[str, Any] = {"schema": _ref(operation.body)}
        if operation.examples:
            media["examples"] = {name: {"value": value} for name, value in operation.examples.items()}
        found["requestBody"] = {
            "required": operation.body_needed,
            "content": {"application/json": media},
        }
    return found


def _parameters(operation: Operation) -> Iterable[dict[str, Any]]:
    for name in re.findall(r"{(\w+)}", operation.path):
        yield {"name": name, "in": "path", "required": True, **_PATH[name]}
    if operation.query is not None:
        schema = operation.query.model_json_schema(ref_template=_SCHEMA + "{model}")
        for name, each in schema["properties"].items():
            yield {"name": name, "in": "query", "schema": _without_null(each)}
    yield from ({"$ref": f"#/components/parameters/{name}"} for name in operation.headers)
    if operation.scope is not None:
        yield {"$ref": "#/components/parameters/Owner"}


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """What a query can say: it leaves out what is null."""
    kept = [each for each in schema.get("anyOf", []) if each != {"type": "null"}]
    rest = {name: value for name, value in schema.items() if name not in ("anyOf", "title")}
    if rest.get("default", 0) is None:
        del rest["default"]
    return {**rest, **(kept[0] if len(kept) == 1 else {})}


def _responses(operation: Operation) -> Iterable[tuple[str, dict[str, Any]]]:
    headers = {_SENT[name][0]: {"$ref": f"#/components/headers/{name}"} for name in operation.sends}
    for status, models in operation.answers.items():
        answer: dict[str, Any] = {"description": _MEANINGS[status]}
        if headers:
            answer["headers"] = headers
        if models is not None:
            several = models if isinstance(models, tuple) else (models,)
            schemas = [_ref(model) for model in several]
            schema = schemas[0] if len(schemas) == 1 else {"anyOf": schemas}
            answer["content"] = {"application/json": {"schema": schema}}
        elif operation.path == "/openapi.json" and status == 200:
            answer["content"] = {"application/json": {"schema": {"type": "object"}}}
        yield str(status), answer
    for status in sorted(_problems_of(operation)):
        yield str(status), {"$ref": f"#/components/responses/{_problem_name(status)}"}


_MEANINGS = {
    200: "Done",
    201: "Created",
    202: "Started",
    204: "Gone",
    207: "What became of each",
    304: "You have it",
}


def _problems_of(operation: Operation) -> set[int]:
    found = set(operation.problems)
    if operation.path != "/openapi.json":
        found |= {503}
    if operation.scope is not None:
        found |= {401, 403, 422}  # a wrong owner is a wrong field
    if operation.body is not None:
        found |= {400, 413, 415}
    if "{" in operation.path:
        found |= {404}
    return found


def _problem_name(status: int) -> str:
    return f"Problem{status}"


def _problem(status: int) -> dict[str, Any]:
    headers = {"Retry-After": {"description": "Seconds", "schema": _TEXT}} if status in (429, 503) else {}
    return {
        "description": _PROBLEMS[status],
        "content": {"application/problem+json": {"schema": _ref(Problem)}},
        **({"headers": headers} if headers else {}),
    }


def _ref(model: Model) -> dict[str, str]:
    return {"$ref": _SCHEMA + model.__name__}


def _schemas() -> dict[str, Any]:
    asked: dict[type[BaseModel], None] = {}
    told: dict[type[BaseModel], None] = {Problem: None}
    for operation in OPERATIONS:
        asked |= {model: None for model in (operation.body, operation.query) if model is not None}
        for models in operation.answers.values():
            several = models if isinstance(models, tuple) else (models,)
            told |= {model: None for model in several if model is not None}
    _, schema = models_json_schema(
        [*((model, "validation") for model in asked), *((model, "serialization") for model in told)],
        ref_template=_SCHEMA + "{model}",
    )
    queries = {operation.query.__name__ for operation in OPERATIONS if operation.query is not None}
    found: dict[str, Any] = schema["$defs"]
    return {name: each for name, each in found.items() if name not in queries}
