"""Formats the functions' log lines for a person: time, function, message, then the details."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Final

from rich.text import Text

_COLOURS: Final = (
    "cyan",
    "magenta",
    "green",
    "blue",
    "yellow",
    "bright_cyan",
    "bright_magenta",
    "bright_green",
)
_LEVEL_STYLES: Final = {
    "DEBUG": "dim",
    "INFO": "default",
    "WARNING": "bold yellow",
    "ERROR": "bold red",
    "CRITICAL": "bold white on red",
}
_PLATFORM_LINES: Final = ("START RequestId: ", "END RequestId: ", "REPORT RequestId: ", "INIT_START ")
_HEAD_FIELDS: Final = ("timestamp", "level", "function", "message", "action")
_LAST_FIELDS: Final = ("request_id", "correlation_id")
_FUNCTION_WIDTH: Final = 20


def render(function: str, line: str, written_at: datetime) -> Text | None:
    """Return a log line for the terminal, or None for one that is useless to a person.

    Lambda's own lines around an invocation and metrics in the embedded format are left out. A line that is
    not JSON of the app is returned unformatted.
    """
    if not line.strip() or line.startswith(_PLATFORM_LINES):
        return None
    entry = _parse(line)
    if entry is None:
        return _head(function, written_at) + Text(line)
    if "_aws" in entry:
        return None
    level = str(entry.get("level", "INFO"))
    text = _head(function, _own_time(entry) or written_at)
    text.append(str(entry.get("message", "")), style=_LEVEL_STYLES.get(level, "default"))
    if "action" in entry:
        text.append(f"  {entry['action']}", style="dim italic")
    _append_details(text, {name: value for name, value in entry.items() if name not in _HEAD_FIELDS})
    return text


def _parse(line: str) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None


def _own_time(entry: dict[str, Any]) -> datetime | None:
    """Return the time in the app's line. Lambda dates all lines of an invocation at its end."""
    try:
        return datetime.fromisoformat(entry["timestamp"])
    except (KeyError, TypeError, ValueError):
        return None


def _head(function: str, written_at: datetime) -> Text:
    colour = _COLOURS[sum(function.encode()) % len(_COLOURS)]
    return Text.assemble(
        (written_at.astimezone().strftime("%H:%M:%S.%f")[:-3], "dim"),
        " ",
        (f"{function:<{_FUNCTION_WIDTH}}", colour),
        " ",
    )


def _append_details(text: Text, details: dict[str, Any]) -> None:
    """Append values after the message, long ids last. Values of several lines (tracebacks) go below it."""
    blocks = []
    for name in sorted(details, key=_LAST_FIELDS.__contains__):
        value = details[name]
        shown = value if isinstance(value, str) else json.dumps(value, default=str)
        if "\n" in shown:
            blocks.append(shown.rstrip())
        else:
            text.append(f"  {name}=", style="dim")
            text.append(shown, style="dim" if name in _LAST_FIELDS else "default")
    for block in blocks:
        text.append(f"\n{block}", style="red")
