"""A saved source file is noticed, and nothing else is."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local.sources import SourceWatcher

PATIENCE_SECONDS = 10.0


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "chalicelib" / "domain").mkdir(parents=True)
    (tmp_path / "app.py").write_text("")
    return tmp_path


@pytest.fixture
def watcher(root: Path) -> Iterator[SourceWatcher]:
    with SourceWatcher(root) as watcher:
        yield watcher


def notice(watcher: SourceWatcher, save: Callable[[str], object]) -> set[Path]:
    """What is noticed after saving, again and again: the watch itself takes a moment to begin."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    for number in itertools.count():
        save(f"x = {number}")
        saved = watcher.wait(0.3)
        if saved or time.monotonic() > deadline:
            return saved
    raise AssertionError


@pytest.mark.parametrize(
    "name", ["app.py", "chalicelib/settings.py", "chalicelib/domain/task.py", "chalicelib/page.html"]
)
def test_what_is_deployed_is_watched(watcher: SourceWatcher, root: Path, name: str) -> None:
    assert notice(watcher, (root / name).write_text) == {Path(name)}


def test_an_editor_that_replaces_the_file_is_noticed_every_time(watcher: SourceWatcher, root: Path) -> None:
    def replace(text: str) -> None:
        (root / "app.py~").write_text(text)
        (root / "app.py~").replace(root / "app.py")

    for _ in range(2):
        assert notice(watcher, replace) == {Path("app.py")}


def test_the_name_by_way_of_which_a_file_is_saved_is_not_told(watcher: SourceWatcher, root: Path) -> None:
    """As `sed -i` does, whose own file looks like any other."""
    settings = root / "chalicelib" / "settings.py"

    def replace(text: str) -> None:
        (root / "chalicelib" / "sedQx7Y2z").write_text(text)
        (root / "chalicelib" / "sedQx7Y2z").replace(settings)

    assert notice(watcher, replace) == {settings.relative_to(root)}


def test_a_file_that_is_deleted_is_noticed(watcher: SourceWatcher, root: Path) -> None:
    settings = root / "chalicelib" / "settings.py"
    notice(watcher, settings.write_text)
    settings.unlink()
    assert watcher.wait(PATIENCE_SECONDS) == {settings.relative_to(root)}


def test_other_files_and_bytecode_are_not_watched(watcher: SourceWatcher, root: Path) -> None:
    notice(watcher, (root / "app.py").write_text)
    (root / "chalicelib" / "__pycache__").mkdir()
    (root / "chalicelib" / "__pycache__" / "task.cpython-311.pyc").write_text("")
    (root / "README.md").write_text("")
    assert watcher.wait(0.5) == set()
