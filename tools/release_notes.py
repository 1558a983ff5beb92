"""Prints the section of a release in CHANGELOG.md.

python -m tools.release_notes 0.2.0
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Final

CHANGELOG: Final = Path(__file__).parents[1] / "CHANGELOG.md"


def release_notes(changelog: str, version: str) -> str:
    """The text below a release's heading, up to the next heading of its level.

    Raises: ValueError when the changelog has no text for that version.
    """
    heading = rf"^## \[?{re.escape(version)}\]?(?![^\s])[^\n]*\n"
    section = re.search(rf"{heading}(.*?)(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL)
    notes = section[1].strip() if section else ""
    if not notes:
        raise ValueError(f"CHANGELOG.md has no notes for {version}: cut its section before the tag")
    return f"{notes}\n"


def main(version: str) -> int | str:
    """Print the notes. The result is for sys.exit: 0, or a message."""
    try:
        sys.stdout.write(release_notes(CHANGELOG.read_text(encoding="utf-8"), version))
    except ValueError as error:
        return str(error)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
