"""Parsers of arguments: payloads, durations and times."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from typer import BadParameter

_ITEM: Final = re.compile(r"(?P<name>[^=:@]+)(?P<kind>:=@|=@|:=|=)(?P<value>.*)", re.DOTALL)
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)?")
_UNITS: Final = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400}


def parse_payload(items: Iterable[str], whole: str | None) -> dict[str, Any]:
    """The payload: `whole` (JSON, @FILE, or - for standard input) with the fields of `items`.

    `name=value` is JSON if it is valid JSON, else text. `name:=json` must be JSON. `name=@file` is the text
    of a file, `name:=@file` the JSON in it. Raises: BadParameter.
    """
    payload: dict[str, Any] = {} if whole is None else _whole(whole)
    for item in items:
        name, value = _item(item)
        payload[name] = value
    return payload


def _whole(text: str) -> dict[str, Any]:
    if text == "-":
        text = sys.stdin.read()
    elif text.startswith("@"):
        text = _text_of(text[1:])
    payload = _json(text, "the payload")
    if not isinstance(payload, dict):
        raise BadParameter("the payload is not a JSON object.")
    return payload


def _item(text: str) -> tuple[str, Any]:
    match = _ITEM.fullmatch(text)
    if match is None:
        raise BadParameter(f"{text!r} must have the form name=value, name:=json, name=@file or name:=@file.")
    name, kind, value = match.group("name", "kind", "value")
    if kind.endswith("@"):
        value = _text_of(value)
        return name, _json(value, name) if kind == ":=@" else value
    if kind == ":=":
        return name, _json(value, name)
    try:
        return name, json.loads(value, parse_constant=_refuse)
    except ValueError:
        return name, value


def _text_of(file: str) -> str:
    try:
        return Path(file).expanduser().read_text()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise BadParameter(f"{file} cannot be read: {reason}.") from error


def _json(text: str, name: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse)
    except ValueError as error:
        raise BadParameter(f"{name} is not valid JSON: {error}.") from error


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not valid JSON")


def parse_duration(text: str) -> float:
    """The seconds of a duration such as 90, 90s, 5m, 2h or 1d. Raises: BadParameter."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise BadParameter(f"{text!r} is not a duration, such as 90s, 5m, 2h or 1d.")
    return float(match[1]) * _UNITS[match[2] or "s"]


def parse_time(text: str) -> datetime:
    """A time: RFC 3339, local if it has no zone, or relative to now, such as +5m or -2h.

    Raises: BadParameter.
    """
    if text[:1] in "+-" and text[1:]:
        return datetime.now(UTC) + timedelta(seconds=float(f"{text[0]}{parse_duration(text[1:])}"))
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        message = f"{text!r} is not a time, such as 2026-01-31T12:00:00Z, +5m or -2h."
        raise BadParameter(message) from None
    return moment.astimezone(UTC)
