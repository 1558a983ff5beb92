"""A tag's release notes are its section of the changelog."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tools.release_notes import CHANGELOG, release_notes

TEXT = """# Changelog

All notable changes.

## Unreleased

### Added
- What comes next.

## [1.10.0] - 2026-12-01

### Added
- Schedules.

### Fixed
- A date in `## headings`.

## 1.1.0 (2026-11-24)
- The first one.

## 1.0.0
"""


def test_a_section_ends_at_the_next_release() -> None:
    assert release_notes(TEXT, "1.10.0") == (
        "### Added\n- Schedules.\n\n### Fixed\n- A date in `## headings`.\n"
    )


def test_a_version_is_not_the_beginning_of_another() -> None:
    assert release_notes(TEXT, "1.1.0") == "- The first one.\n"


@pytest.mark.parametrize("version", ["1.0.0", "1.1", "1.1.00", "2.0.0", "", "1x1.0"])
def test_a_release_without_notes_is_refused(version: str) -> None:
    with pytest.raises(ValueError, match=f"no notes for {version}"):
        release_notes(TEXT, version)


def test_the_command_fails_with_a_message_for_an_unknown_version() -> None:
    command = [sys.executable, "-m", "tools.release_notes", "0.0.0"]
    done = subprocess.run(command, cwd=CHANGELOG.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.strip() == "CHANGELOG.md has no notes for 0.0.0: cut its section before the tag"
