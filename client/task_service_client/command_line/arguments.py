"""What is typed, as values: payloads, durations, moments."""

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


def payload_of(items: Iterable[str], whole: str | None) -> dict[str, Any]:
    """The payload: `whole` (JSON, @FILE, or - for standard input), and on top of it each item.

    `name=value` is JSON where it is JSON, else text; `name:=json` must be JSON; `name=@file` is the text of
    a file and `name:=@file` the JSON in it. Raises: BadParameter.
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
    found = _json(text, "the payload")
    if not isinstance(found, dict):
        raise BadParameter("the payload is no JSON object.")
    return found


def _item(text: str) -> tuple[str, Any]:
    match = _ITEM.fullmatch(text)
    if match is None:
        raise BadParameter(f"{text!r}: name=value, name:=json, name=@file or name:=@file is needed.")
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
        raise BadParameter(f"{name} is not JSON: {error}.") from error


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def seconds_of(text: str) -> float:
    """The seconds of a duration: 90, 90s, 5m, 2h, 1d. Raises: BadParameter."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise BadParameter(f"{text!r}: a duration is needed, such as 90s, 5m, 2h or 1d.")
    return float(match[1]) * _UNITS[match[2] or "s"]


def moment_of(text: str) -> datetime:
    """A moment: RFC 3339, a local time without its zone, or +5m for from now on and -2h for ago.

    Raises: BadParameter.
    """
    if text[:1] in "+-" and text[1:]:
        return datetime.now(UTC) + timedelta(seconds=float(f"{text[0]}{seconds_of(text[1:])}"))
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        message = f"{text!r}: a moment is needed, such as 2026-01-31T12:00:00Z, +5m or -2h."
        raise BadParameter(message) from None
    return moment.astimezone(UTC)
