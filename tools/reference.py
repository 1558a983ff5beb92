"""Writes the pages of docs/reference that are made from the code, and the tables of measured results.

python -m tools.reference
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

from chalicelib import settings
from chalicelib import task_types as _shipped  # noqa: F401 - registers the task types
from chalicelib.domain import caller, errors
from chalicelib.domain.task import ErrorKind, TaskStatus
from chalicelib.domain.task_types import TASK_TYPES
from chalicelib.http.openapi.document import document
from chalicelib.http.problems import TITLES, status_of
from tools.markdown import codes, sentence, table
from tools.results import PERFORMANCE, performance

ROOT: Final = Path(__file__).parents[1]
REFERENCE: Final = ROOT / "docs" / "reference"
_NOTICE = "<!-- Written by `make reference`. Change the code, not this page. -->\n"


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
        ((f"[`{route}`](#{_slug(route)})", each["summary"], _scope(each)) for route, each in operations),
    )
    return "\n".join(
        [
            "# HTTP API\n",
            _NOTICE,
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
    parts = [f"## {route}\n", f"{operation['summary']}. Scope: {_scope(operation)}.\n"]
    parameters = [_resolved(api, each) for each in operation["parameters"]]
    if parameters:
        rows = (
            (f"`{each['name']}`", each["in"], _type(each["schema"]), each.get("description", ""))
            for each in parameters
        )
        parts.append(table(("parameter", "in", "value", "meaning"), rows))
    if "requestBody" in operation:
        media = operation["requestBody"]["content"]["application/json"]
        optional = "" if operation["requestBody"]["required"] else " The body is optional."
        parts.append(f"Body: {_type(media['schema'])}.{optional}\n")
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
        yield f"{status}{headers}", ", ".join(map(_type, schemas)), response["description"]
    if refusals:
        yield ", ".join(refusals), "[`Problem`](#problem)", "see [errors](errors.md)"


def _schema(name: str, schema: Mapping[str, Any]) -> str:
    parts = [f"### {name}\n", f"{sentence(schema.get('description', ''))}\n"]
    if "enum" in schema:
        parts.append(f"One of {codes(schema['enum'])}.\n")
    if "properties" in schema:
        required = schema.get("required", [])
        rows = (
            (
                f"`{field}`",
                _type(each),
                "required" if field in required else _default(each),
                each.get("description", ""),
            )
            for field, each in schema["properties"].items()
        )
        parts.append(table(("field", "value", "default", "meaning"), rows))
    return "\n".join(parts)


def _default(schema: Mapping[str, Any]) -> str:
    default = schema.get("default")
    return "" if default in (None, [], {}) else f"`{json.dumps(default)}`"


def _type(schema: Mapping[str, Any]) -> str:
    """The values that a schema allows, in a few words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return "any JSON" if name == "JsonValue" else f"[`{name}`](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(map(_type, schema["anyOf"])))
    if "const" in schema:
        return f"`{json.dumps(schema['const'])}`"
    return f"one of {codes(schema['enum'])}" if "enum" in schema else _plain_type(schema)


def _plain_type(schema: Mapping[str, Any]) -> str:
    kind: str = schema.get("type", "any JSON")
    if kind == "array":
        return f"list of {_type(schema.get('items', {}))}{_bounds(schema)}"
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"object of {_type(schema['additionalProperties'])}"
    return {"date-time": "time", "uuid": "UUID"}.get(schema.get("format", ""), kind) + _bounds(schema)


def _bounds(schema: Mapping[str, Any]) -> str:
    """The limits of a number, a text or a list, such as ` (1 to 25)`."""
    low = _first(schema, "minimum", "ge", "minItems", "minLength")
    high = _first(schema, "maximum", "le", "maxItems", "maxLength")
    unit = " characters" if "maxLength" in schema else ""
    if high is None:
        return "" if low is None else f" (at least {low:,g}{unit})"
    return f" (at most {high:,g}{unit})" if low is None else f" ({low:,g} to {high:,g}{unit})"


def _first(schema: Mapping[str, Any], *names: str) -> float | None:
    return next((schema[name] for name in names if name in schema), None)


def _resolved(api: Mapping[str, Any], each: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Any = each
    while "$ref" in found:
        place: Any = api
        for part in found["$ref"].removeprefix("#/").split("/"):
            place = place[part]
        found = place
    return found  # type: ignore[no-any-return]


def _scope(operation: Mapping[str, Any]) -> str:
    scopes = [scope for each in operation["security"] for scope in each["token"]]
    return f"`{scopes[0]}`" if scopes else "none"


def scopes() -> str:
    """Each scope and the operations that it allows."""
    api = document(settings.VERSION)
    routes: dict[str, list[str]] = {}
    for path, methods in api["paths"].items():
        for method, operation in methods.items():
            routes.setdefault(_scope(operation), []).append(f"`{method.upper()} {path}`")
    meanings = comments(caller.Scope)
    rows = [
        (f"`{scope.value}`", meanings[scope.name], ", ".join(routes[f"`{scope.value}`"]))
        for scope in caller.Scope
    ]
    return "\n".join(
        [
            "# Scopes\n",
            _NOTICE,
            "A token's scopes decide which operations it allows. The claim that `SCOPE_CLAIM` names holds",
            "them, separated by spaces ([settings](settings.md)). A WebSocket connection needs",
            "`tasks:read`. `tasks:admin` includes the other scopes.\n",
            table(("scope", "allows", "operations"), rows),
            f"Without a token: {', '.join(routes['none'])}, and the dashboard's pages.\n",
        ]
    )


def error_codes() -> str:
    """The codes and statuses of problem documents, and the kinds of errors of tasks."""
    known = sorted(_errors(), key=lambda each: (status_of(each), each.code))
    rows = [
        (str(status_of(each)), TITLES[status_of(each)], f"`{each.code}`", sentence(each.__doc__ or ""))
        for each in known
    ]
    rows.append(("500", TITLES[500], "`internal`", "The service failed. Its log has the cause."))
    kinds = comments(ErrorKind)
    statuses = comments(TaskStatus)
    return "\n".join(
        [
            "# Errors\n",
            _NOTICE,
            "## Problem documents\n",
            "An error of the HTTP API is a problem document",
            "([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)). `code` is for programs, `detail` for",
            "people. `errors` points at each wrong field by a JSON pointer (RFC 6901):\n",
            "```json",
            json.dumps(_EXAMPLE, indent=2),
            "```\n",
            "429 and 503 carry `Retry-After`. 429 also carries `RateLimit-Policy` and `RateLimit`.\n",
            table(("status", "title", "code", "meaning"), rows),
            "## Errors of tasks\n",
            "A failed attempt has an `error` with a `kind`, a `type` (the class of the exception, or the",
            "kind) and a `message`.\n",
            table(("kind", "meaning"), ((f"`{each.value}`", kinds[each.name]) for each in ErrorKind)),
            "## Statuses of tasks\n",
            "[States](states.md) has the transitions.\n",
            table(("status", "meaning"), ((f"`{each.value}`", statuses[each.name]) for each in TaskStatus)),
        ]
    )


_EXAMPLE = {
    "type": "about:blank",
    "title": "Unprocessable Content",
    "status": 422,
    "detail": "The payload does not fit the task type demo.sleep.",
    "code": "invalid",
    "errors": [{"pointer": "/payload/seconds", "message": "Input should be a valid number"}],
}


def _errors() -> list[type[errors.TaskServiceError]]:
    classes = (each for _, each in inspect.getmembers(errors, inspect.isclass))
    root = errors.TaskServiceError
    return [each for each in classes if issubclass(each, root) and each is not root]


def setting_variables() -> str:
    """Each setting with its default and its largest value."""
    meanings = comments(settings.Settings)
    local = json.loads((ROOT / ".chalice" / "config.json").read_text())["stages"]["local"]
    changed = local["environment_variables"]
    known = [each for each in fields(settings.Settings) if each.name.upper() in settings.Settings.variables()]
    rows = [
        (
            f"`{each.name.upper()}`",
            _value(each.default),
            _range(each.name.upper()),
            meanings[each.name],
        )
        for each in known
    ]
    exceptions = ", ".join(f"`{name}={changed[name]}`" for name in _different(known, changed))
    return "\n".join(
        [
            "# Settings\n",
            _NOTICE,
            "Each setting is an environment variable of the functions. On AWS, a stage's settings are in",
            "its `environment_variables` in `.chalice/config.json`. The local stage also takes them from",
            f"the environment of `make up`: `GRACE_SECONDS=10 make up`. It differs by {exceptions}.\n",
            "A value that cannot be used ends the process with a message that names the variable.\n",
            table(("variable", "default", "values", "meaning"), rows),
            "Secrets are SSM parameters, not settings ([keys](../how-to/rotate-keys.md)).\n",
        ]
    )


def _different(known: Iterable[Any], changed: Mapping[str, str]) -> list[str]:
    defaults = {each.name.upper(): each.default for each in known}
    return [name for name in sorted(changed) if name in defaults and str(defaults[name]) != changed[name]]


def _value(default: Any) -> str:
    if default in ("", ()):
        return ""
    return f"`{default:g}`" if isinstance(default, float) else f"`{default}`"


def _range(name: str) -> str:
    if name in settings.CHOICES:
        return codes(settings.CHOICES[name])
    return f"at most {settings.MAXIMA[name]:,}" if name in settings.MAXIMA else ""


def task_types() -> str:
    """The shipped task types with their payloads and defaults."""
    parts = [
        "# Task types\n",
        _NOTICE,
        "The shipped task types. `GET /task-types` returns those of a running stage.",
        "[Write a task type](../how-to/write-a-task-type.md) adds one.\n",
    ]
    for each in TASK_TYPES:
        schema = each.payload_model.model_json_schema()
        lane = f"Lane {each.lane}, {each.max_attempts} attempts, timeout {each.timeout_seconds:g} s."
        text = inspect.getdoc(each.handler) or ""
        parts += [f"## {each.name}\n", f"{text}\n", f"{lane}\n", _payload(schema)]
    return "\n".join(parts)


def _payload(schema: Mapping[str, Any]) -> str:
    required = schema.get("required", [])
    rows = (
        (
            f"`{name}`",
            _type(each),
            "required" if name in required else _default(each),
            each.get("description", ""),
        )
        for name, each in schema["properties"].items()
    )
    return table(("payload", "value", "default", "meaning"), rows)


def comments(source: type[Any]) -> dict[str, str]:
    """The `#:` comment of each member of a class: behind it, or on the lines above it.

    Raises: KeyError on access, for a member without a comment.
    """
    found: dict[str, str] = {}
    above: list[str] = []
    for line in inspect.getsource(source).splitlines():
        text = line.strip()
        member = re.match(r"(\w+)\b(?::| =)[^#]*(?:#: (.*))?$", text)
        if text.startswith("#: "):
            above.append(text.removeprefix("#: "))
            continue
        if member and (member[2] or above):
            found[member[1]] = member[2] or " ".join(above)
        above = []
    return found


def _slug(heading: str) -> str:
    """The anchor of a heading, as GitHub and the site make it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


PAGES: Final[dict[Path, Callable[[], str]]] = {
    REFERENCE / "http-api.md": http_api,
    REFERENCE / "scopes.md": scopes,
    REFERENCE / "errors.md": error_codes,
    REFERENCE / "settings.md": setting_variables,
    REFERENCE / "task-types.md": task_types,
    PERFORMANCE: performance,
}


def main() -> None:
    """Write all pages."""
    for path, page in PAGES.items():
        path.write_text(page())


if __name__ == "__main__":
    main()
