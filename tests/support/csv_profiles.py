"""Profiles for tests: of a text, and of one column."""

from __future__ import annotations

import csv
import io
from typing import Any

from chalicelib.domain.outcomes import Cancel
from chalicelib.task_types.csv_profile import CsvProfile, Profile, csv_profile
from tests.support.recording_context import RecordingContext


def profile(text: str, context: RecordingContext | None = None) -> Profile:
    """The profile of a text."""
    result = csv_profile(CsvProfile(csv=text), context or RecordingContext())
    assert not isinstance(result, Cancel)
    return result


def column(*cells: str, name: str = "a") -> dict[str, Any]:
    """The profile of one column with these cells."""
    text = io.StringIO()
    csv.writer(text).writerows([[name, "filler"], *([cell, "x"] for cell in cells)])
    return dict(profile(text.getvalue())["columns"][0])
