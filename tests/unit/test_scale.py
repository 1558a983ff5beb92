"""docs/explanation/scale.md says what the simulation says."""

from __future__ import annotations

from pathlib import Path

from benchmarks.scale import tables

SCALE = Path(__file__).parents[2] / "docs" / "explanation" / "scale.md"


def test_the_document_has_the_simulations_tables() -> None:
    text = SCALE.read_text()
    missing = [table for table in tables() if table not in text]
    assert not missing, "run python -m benchmarks.scale and put its tables into docs/explanation/scale.md"
