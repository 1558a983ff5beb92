"""The OpenAPI 3.1 document of the HTTP API, generated from its operations and their pydantic models."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from chalicelib.domain.caller import OWNER_LIMIT_CHARACTERS, Scope
from chalicelib.http.openapi.operations import OPERATIONS, TASK_ID, Model, Operation
from chalicelib.http.schemas.responses import Problem
from chalicelib.settings import VERSION

_SCHEMA = "#/components/schemas/"
_TEXT = {"type": "string"}
#: The description of each problem response.
_PROBLEMS = {
    400: "The request cannot be read, or the cursor belongs to another list",
    401: "The token is missing or not valid",
    403: "The token lacks the scope, or may not act for this owner",
    404: "The owner has no such resource",
    409: "The resource's state does not allow this",
    413: "The body is larger than 256 KB",
    415: "The body is not declared as JSON",
    422: "Some fields are not valid",
    429: "A limit of the owner is reached",
    503: "A dependency failed: try again in a moment",
}
_REQUEST_HEADERS: dict[str, dict[str, Any]] = {
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "description": "For 24 hours, the same key and body return the first task instead of a new one.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255},
    },
    "Prefer": {
        "name": "Prefer",
        "description": "`wait=N`: respond when the task changes, or after N seconds (at most 20).",
        "schema": _TEXT,
        "example": "wait=5",
    },
    "CorrelationId": {
        "name": "X-Correlation-Id",
        "description": "An id on every log line about the task: at most 128 characters.",
        "schema": _TEXT,
    },
    "IfNoneMatch": {
        "name": "If-None-Match",
        "description": "The ETag of the client's copy: the response is 304 while it is current.",
        "schema": _TEXT,
        "example": '"v3"',
    },
}
_RESPONSE_HEADERS: dict[str, tuple[str, str]] = {
    "ETag": ("ETag", "The version of the resource"),
    "Location": ("Location", "The URL of the new resource, relative to the request"),
    "PreferenceApplied": ("Preference-Applied", "The wait that was granted"),
    "IdempotencyReplayed": ("Idempotency-Replayed", "true if the task existed before"),
}
_OWNER = {
    "name": "owner",
    "in": "query",
    "description": "The owner that an administrator acts for.",
    "schema": {
        "type": "string",
        "minLength": 1,
        "maxLength": OWNER_LIMIT_CHARACTERS,
        "pattern": "^[^#\\x00-\\x1f\\x7f]+$",
    },
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
    "POST a task. The service stores, queues and runs it, and retries it until it succeeds or has used up its"
    " attempts. Every change is sent to the WebSocket clients that watch it. Times are RFC 3339 in UTC."
    " Errors are problem documents (RFC 9457)."
)


@cache
def text() -> str:
    """The document as JSON, generated once in a process."""
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
                **{name: {"in": "header", **header} for name, header in _REQUEST_HEADERS.items()},
            },
            "responses": {_problem_name(status): _problem(status) for status in _PROBLEMS},
            "headers": {
                name: {"description": description, "schema": _TEXT}
                for name, (_, description) in _RESPONSE_HEADERS.items()
            },
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
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "tags": [operation.path.split("/")[1]],
        "parameters": list(_parameters(operation)),
        "responses": dict(_responses(operation)),
        "security": [],
    }
    if operation.scope is not None:
        described["security"] = [{"token": [operation.scope.value]}]
        described["description"] = f"Needs the scope `{operation.scope.value}`."
    if operation.body is not None:
        media: dict[str, Any] = {"schema": _ref(operation.body)}
        if operation.examples:
            media["examples"] = {name: {"value": value} for name, value in operation.examples.items()}
        described["requestBody"] = {
            "required": operation.body_required,
            "content": {"application/json": media},
        }
    return described


def _parameters(operation: Operation) -> Iterable[dict[str, Any]]:
    for name in re.findall(r"{(\w+)}", operation.path):
        yield {"name": name, "in": "path", "required": True, **_PATH[name]}
    if operation.query is not None:
        schema = operation.query.model_json_schema(ref_template=_SCHEMA + "{model}")
        for name, each in schema["properties"].items():
            yield {"name": name, "in": "query", "schema": _without_null(each)}
    yield from ({"$ref": f"#/components/parameters/{name}"} for name in operation.request_headers)
    if operation.scope is not None:
        yield {"$ref": "#/components/parameters/Owner"}


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of a query parameter: a query omits it instead of sending null."""
    choices = [each for each in schema.get("anyOf", []) if each != {"type": "null"}]
    rest = {name: value for name, value in schema.items() if name not in ("anyOf", "title")}
    if rest.get("default", 0) is None:
        del rest["default"]
    return {**rest, **(choices[0] if len(choices) == 1 else {})}


def _responses(operation: Operation) -> Iterable[tuple[str, dict[str, Any]]]:
    headers = {
        _RESPONSE_HEADERS[name][0]: {"$ref": f"#/components/headers/{name}"}
        for name in operation.response_headers
    }
    for status, models in operation.responses.items():
        response: dict[str, Any] = {"description": _SUCCESSES[status]}
        if headers:
            response["headers"] = headers
        if models is not None:
            schemas = [_ref(model) for model in _each(models)]
            schema = schemas[0] if len(schemas) == 1 else {"anyOf": schemas}
            response["content"] = {"application/json": {"schema": schema}}
        elif operation.path == "/openapi.json" and status == 200:
            response["content"] = {"application/json": {"schema": {"type": "object"}}}
        yield str(status), response
    for status in sorted(_problem_statuses(operation)):
        yield str(status), {"$ref": f"#/components/responses/{_problem_name(status)}"}


#: The description of each response that is no problem.
_SUCCESSES = {
    200: "OK",
    201: "Created",
    202: "Started",
    204: "Deleted",
    207: "The result of each task",
    304: "The client's copy is current",
}


def _problem_statuses(operation: Operation) -> set[int]:
    statuses = set(operation.problems)
    if operation.path != "/openapi.json":
        statuses |= {503}
    if operation.scope is not None:
        statuses |= {401, 403, 422}  # an owner that cannot be one is a wrong field
    if operation.body is not None:
        statuses |= {400, 413, 415}
    if "{" in operation.path:
        statuses |= {404}
    return statuses


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
    requests: dict[type[BaseModel], None] = {}  # as an ordered set
    responses: dict[type[BaseModel], None] = {Problem: None}
    for operation in OPERATIONS:
        requests |= {model: None for model in (operation.body, operation.query) if model is not None}
        for models in operation.responses.values():
            responses |= dict.fromkeys(_each(models))
    _, schema = models_json_schema(
        [*((model, "validation") for model in requests), *((model, "serialization") for model in responses)],
        ref_template=_SCHEMA + "{model}",
    )
    queries = {operation.query.__name__ for operation in OPERATIONS if operation.query is not None}
    definitions: dict[str, Any] = schema["$defs"]
    return {name: each for name, each in definitions.items() if name not in queries}


def _each(models: Model | tuple[Model, ...] | None) -> tuple[Model, ...]:
    if models is None:
        return ()
    return models if isinstance(models, tuple) else (models,)
