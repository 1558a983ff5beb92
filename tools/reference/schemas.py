"""JSON Schemas as Markdown."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tools.reference.markdown import codes, table


def fields_table(head: str, schema: Mapping[str, Any], *, sent: bool = True) -> str:
    """The properties of an object, with values and meanings; with defaults, if a client sends it."""
    required = schema.get("required", [])
    rows = (
        (
            f"`{name}`",
            type_of(each),
            ("required" if name in required else default_of(each)) if sent else "",
            each.get("description", ""),
        )
        for name, each in schema["properties"].items()
    )
    return table((head, "value", "default", "meaning"), rows)


def default_of(schema: Mapping[str, Any]) -> str:
    """The default of a value as code, or nothing."""
    default = schema.get("default")
    return "" if default in (None, [], {}) else f"`{json.dumps(default)}`"


def type_of(schema: Mapping[str, Any]) -> str:
    """The values that a schema allows, in a few words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return "any JSON" if name == "JsonValue" else f"[`{name}`](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(map(type_of, schema["anyOf"])))
    if "const" in schema:
        return f"`{json.dumps(schema['const'])}`"
    return f"one of {codes(schema['enum'])}" if "enum" in schema else _plain_type(schema)


def _plain_type(schema: Mapping[str, Any]) -> str:
    kind: str = schema.get("type", "any JSON")
    if kind == "array":
        return f"list of {type_of(schema.get('items', {}))}{_bounds(schema)}"
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"object of {type_of(schema['additionalProperties'])}"
    return {"date-time": "time", "uuid": "UUID"}.get(schema.get("format", ""), kind) + _bounds(schema)


def _bounds(schema: Mapping[str, Any]) -> str:
    """The limits of a number, a text or a list, such as ` (1 to 25)`."""
    low = _first(schema, "minimum", "ge", "minItems", "minLength")
    high = _first(schema, "maximum", "le", "maxItems", "maxLength")
    above = schema.get("exclusiveMinimum")
    limits = [
        "" if above is None else f"above {above:,.15g}",
        f"{low:,.15g} to {high:,.15g}" if low is not None and high is not None else "",
        f"at least {low:,.15g}" if low is not None and high is None else "",
        f"at most {high:,.15g}" if low is None and high is not None else "",
    ]
    unit = " characters" if "maxLength" in schema else ""
    text = ", ".join(filter(None, limits))
    return f" ({text}{unit})" if text else ""


def _first(schema: Mapping[str, Any], *names: str) -> float | None:
    return next((schema[name] for name in names if name in schema), None)
