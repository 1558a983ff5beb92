"""A checkout has one local stage at a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from local import LocalStageError
from local.only_one import only_one


def test_a_second_one_is_refused_in_words_that_help(tmp_path: Path) -> None:
    with only_one(tmp_path), pytest.raises(LocalStageError, match="running already"), only_one(tmp_path):
        pytest.fail("two at a time")


def test_another_checkout_is_another_matter(tmp_path: Path) -> None:
    with only_one(tmp_path / "one"), only_one(tmp_path / "two"):
        pass


def test_the_next_one_may_start_when_the_first_has_ended(tmp_path: Path) -> None:
    for _ in range(2):
        with only_one(tmp_path / "home"):
            pass
