"""The page of the HTTP API, from its OpenAPI document."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from chalicelib import settings
from chalicelib.http.openapi.document import document
from tools.reference.markdown import NOTICE, codes, sentence, table
from tools.reference.schemas import default_of, fields_table, type_of


def http_api() -> str:
    """Every operation of the HTTP API, with its parameters, bodies and responses."""
    api = document(settings.VERSION)
    operations = [
        (f"{method.upper()} {path}", operation)
        for path, methods in api["paths"].items()
        for method, operation in methods.items()
    ]
    overview = table(
        ("route", "effect", "scope"),
        ((f"[`{route}`](#{_slug(route)})", each["summary"], scope_of(each)) for route, each in operations),
    )
    return "\n".join(
        [
            "# HTTP API\n",
            NOTICE,
            "Requests and responses are JSON. Times are RFC 3339 in UTC. Unknown and repeated fields are",
            "refused. [Use the HTTP API](../how-to/use-the-http-api.md) has examples; `/openapi.json` and",
            "`/docs` of a running stage have the same reference. Every route with a scope needs a token in",
            "`Authorization: Bearer …` ([scopes](scopes.md)). Errors are problem documents",
            "([errors](errors.md)).\n",
            overview,
            *(_operation(api, route, each) for route, each in operations),
            "## Schemas\n",
            "Every field of a response is always present, and null when it has no value.\n",
            *(_schema(name, each) for name, each in sorted(api["components"]["schemas"].items())),
        ]
    )


def _operation(api: Mapping[str, Any], route: str, operation: Mapping[str, Any]) -> str:
    parts = [f"## {route}\n", f"{operation['summary']}. Scope: {scope_of(operation)}.\n"]
    parameters = [_resolved(api, each) for each in operation["parameters"]]
    if parameters:
        rows = (
            (
                f"`{each['name']}`",
                each["in"],
                type_of(each["schema"]),
                default_of(each["schema"]),
                each.get("description") or each["schema"].get("description", ""),
            )
            for each in parameters
        )
        parts.append(table(("parameter", "in", "value", "default", "meaning"), rows))
    if "requestBody" in operation:
        media = operation["requestBody"]["content"]["application/json"]
        optional = "" if operation["requestBody"]["required"] else " The body is optional."
        parts.append(f"Body: {type_of(media['schema'])}.{optional}\n")
        for name, example in media.get("examples", {}).items():
            parts.append(f"Example ({name}):\n\n```json\n{json.dumps(example['value'], indent=2)}\n```\n")
    parts.append(table(("status", "body", "meaning"), _responses(api, operation)))
    return "\n".join(parts)


def _responses(api: Mapping[str, Any], operation: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    refusals = []
    for status, reference in operation["responses"].items():
        response = _resolved(api, reference)
        if "application/problem+json" in response.get("content", {}):
            refusals.append(status)
            continue
        schemas = [media["schema"] for media in response.get("content", {}).values()]
        headers = "".join(f", `{name}`" for name in response.get("headers", {}))
        yield f"{status}{headers}", ", ".join(map(type_of, schemas)), response["description"]
    if refusals:
        yield ", ".join(refusals), "[`Problem`](#problem)", "see [errors](errors.md)"


def _schema(name: str, schema: Mapping[str, Any]) -> str:
    parts = [f"### {name}\n", f"{sentence(schema.get('description', ''))}\n"]
    if "enum" in schema:
        parts.append(f"One of {codes(schema['enum'])}.\n")
    if "properties" in schema:
        parts.append(fields_table("field", schema, sent=name.endswith("Request")))
    return "\n".join(parts)


def _resolved(api: Mapping[str, Any], each: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Any = each
    while "$ref" in found:
        place: Any = api
        for part in found["$ref"].removeprefix("#/").split("/"):
            place = place[part]
        found = place
    return found  # type: ignore[no-any-return]


def scope_of(operation: Mapping[str, Any]) -> str:
    """The scope that an operation of the document needs, or "none"."""
    scopes = [scope for each in operation["security"] for scope in each["token"]]
    return f"`{scopes[0]}`" if scopes else "none"


def _slug(heading: str) -> str:
    """The anchor of a heading, as GitHub and the site make it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")
