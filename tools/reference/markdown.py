"""Parts of Markdown pages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

#: The first lines of a generated page.
NOTICE: Final = "<!-- Written by `make reference`. Change the code, not this page. -->\n"


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A table in Markdown, without the columns that are empty in every row."""
    filled = [tuple(cell.replace("|", "\\|").replace("\n", " ") for cell in row) for row in rows]
    kept = [index for index in range(len(head)) if any(row[index] for row in filled)]
    lines = [head, ("---",) * len(head), *filled]
    return "\n".join("| " + " | ".join(line[index] for index in kept) + " |" for line in lines) + "\n"


def codes(values: Iterable[Any]) -> str:
    """The values as code, separated by commas."""
    return ", ".join(f"`{each}`" for each in values)


def sentence(docstring: str) -> str:
    """The first paragraph of a docstring, in one line."""
    return " ".join(docstring.strip().partition("\n\n")[0].split())
