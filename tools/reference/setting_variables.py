"""The page of settings, from their class and its comments."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

from chalicelib import settings
from tools.reference.comments import comments
from tools.reference.markdown import NOTICE, codes, table

ROOT: Final = Path(__file__).parents[2]


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
            NOTICE,
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
