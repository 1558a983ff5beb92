"""The pages of docs/reference that are made from the code, and the tables of measured results."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from tools.reference.errors import error_codes
from tools.reference.http_api import http_api
from tools.reference.results import PERFORMANCE, performance
from tools.reference.scopes import scopes
from tools.reference.setting_variables import setting_variables
from tools.reference.task_types import task_types

_REFERENCE: Final = Path(__file__).parents[2] / "docs" / "reference"
#: The text of each generated page.
PAGES: Final[dict[Path, Callable[[], str]]] = {
    _REFERENCE / "errors.md": error_codes,
    _REFERENCE / "http-api.md": http_api,
    _REFERENCE / "scopes.md": scopes,
    _REFERENCE / "settings.md": setting_variables,
    _REFERENCE / "task-types.md": task_types,
    PERFORMANCE: performance,
}
