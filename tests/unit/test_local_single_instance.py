"""A checkout has one local stage at a time."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from local import LocalStageError
from local.single_instance import single_instance

ROOT = Path(__file__).parents[2]


def test_a_second_instance_is_refused(tmp_path: Path) -> None:
    with (
        single_instance(tmp_path),
        pytest.raises(LocalStageError, match="running already"),
        single_instance(tmp_path),
    ):
        pytest.fail("two at a time")


def test_another_checkout_has_its_own_instance(tmp_path: Path) -> None:
    with single_instance(tmp_path / "one"), single_instance(tmp_path / "two"):
        pass


def test_the_next_instance_may_start_when_the_first_has_ended(tmp_path: Path) -> None:
    for _ in range(2):
        with single_instance(tmp_path / "home"):
            pass


def make_clean(checkout: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["make", "clean"], cwd=checkout, capture_output=True, text=True, check=False)


def test_make_clean_keeps_the_data_of_a_running_stage(tmp_path: Path) -> None:
    """Given a running stage, when someone cleans, then that is refused; and done once it has ended."""
    shutil.copy2(ROOT / "Makefile", tmp_path)
    shutil.copytree(ROOT / "local", tmp_path / "local")
    state = tmp_path / ".local" / "state"
    with single_instance(tmp_path / ".local"):
        state.mkdir()
        refused = make_clean(tmp_path)
        assert refused.returncode != 0
        assert "running already" in refused.stderr
        assert "its data would be deleted" in refused.stderr
        assert state.exists()
    assert make_clean(tmp_path).returncode == 0
    assert not state.exists()
    assert make_clean(tmp_path).returncode == 0
