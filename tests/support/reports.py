"""The generated sections of docs/reports: text between `<!-- name -->` and `<!-- /name -->`."""

from __future__ import annotations

import re
from pathlib import Path

REPORTS = Path(__file__).parents[2] / "docs" / "reports"


def read_section(report: str, section: str) -> str:
    """The text of a section, without the markers. Raises: LookupError."""
    found = _pattern(section).search((REPORTS / f"{report}.md").read_text())
    if found is None:
        raise LookupError(f"docs/reports/{report}.md has no section {section!r}")
    return found[0]


def write_section(report: str, section: str, lines: list[str]) -> None:
    """Replace the text of a section by `lines`. Raises: LookupError."""
    read_section(report, section)
    path = REPORTS / f"{report}.md"
    text = "".join(f"{line}\n" for line in lines)
    path.write_text(_pattern(section).sub(lambda _: text, path.read_text()))


def _pattern(section: str) -> re.Pattern[str]:
    return re.compile(rf"(?<=<!-- {section} -->\n).*?(?=<!-- /{section} -->)", re.DOTALL)
