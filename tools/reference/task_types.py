"""The page of task types, from their registry."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any, get_args, get_type_hints, is_typeddict

from chalicelib import task_types as _shipped  # noqa: F401 - registers the task types
from chalicelib.domain.task_types import TASK_TYPES, Handler
from tools.reference.comments import comments
from tools.reference.markdown import NOTICE, table
from tools.reference.schemas import fields_table


def task_types() -> str:
    """The shipped task types with their payloads and defaults."""
    parts = [
        "# Task types\n",
        NOTICE,
        "The shipped task types. `GET /task-types` returns those of a running stage.",
        "[Write a task type](../how-to/write-a-task-type.md) explains how to add one.\n",
        "`http.request` and `csv.profile` refuse private, loopback, link-local and metadata addresses: the",
        "task fails with the error kind `rejected`. `FETCH_ALLOWED_HOSTS` names exceptions",
        "([settings](settings.md)).\n",
    ]
    for each in TASK_TYPES:
        schema = each.payload_model.model_json_schema()
        lane = f"Lane {each.lane}, {each.max_attempts} attempts, timeout {each.timeout_seconds:g} s."
        text = inspect.getdoc(each.handler) or ""
        parts += [f"## {each.name}\n", f"{text}\n", f"{lane}\n"]
        parts += [fields_table("payload", schema), _result(each.handler)]
    return "\n".join(parts)


def _result(handler: Handler[Any]) -> str:
    """The fields of the result, for a task type that returns a TypedDict."""
    returned = get_type_hints(handler)["return"]
    kinds = [each for each in (returned, *get_args(returned)) if is_typeddict(each)]
    rows = [row for kind in kinds for row in _fields(kind)]
    return table(("result", "type", "meaning"), rows) if rows else ""


def _fields(kind: type[Any], prefix: str = "") -> Iterator[tuple[str, str, str]]:
    meanings = comments(kind)
    for name, hint in get_type_hints(kind).items():
        inner = next((each for each in get_args(hint) if is_typeddict(each)), None)
        if inner is None:
            yield f"`{prefix}{name}`", f"`{_name(hint)}`", meanings.get(name, "")
        else:
            yield from _fields(inner, f"{prefix}{name}[].")


def _name(hint: Any) -> str:
    simple = isinstance(hint, type) and not get_args(hint)
    return hint.__name__ if simple else str(hint).replace("typing.", "")
