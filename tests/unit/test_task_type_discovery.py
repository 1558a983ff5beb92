"""Task types are found by themselves: one new file in the package is a new task type."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

import pytest

from chalicelib import task_types
from chalicelib.domain.task_types import TASK_TYPES

PACKAGE = "types_of_a_test"
Discover = Callable[..., list[str]]


@pytest.fixture
def discover(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Discover]:
    """Writes the given modules into a new package, discovers them, and returns the names in import order."""
    monkeypatch.syspath_prepend(tmp_path)

    def written_and_imported(**modules: str) -> list[str]:
        for name, source in {"__init__": "", **modules}.items():
            file = tmp_path / PACKAGE / f"{name}.py"
            file.parent.mkdir(exist_ok=True)
            file.write_text(source)
        task_types.import_modules(PACKAGE, import_module(PACKAGE).__path__)
        return [name.partition(".")[2] for name in sys.modules if name.startswith(f"{PACKAGE}.")]

    yield written_and_imported
    for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
        del sys.modules[name]


def test_every_module_is_imported_in_alphabetical_order(discover: Discover) -> None:
    assert discover(zoo="", apple="", middle="") == ["apple", "middle", "zoo"]


def test_a_module_with_a_leading_underscore_is_a_helper(discover: Discover) -> None:
    assert discover(greet="", _unused="raise ValueError") == ["greet"]


def test_a_helper_is_imported_by_its_user(discover: Discover) -> None:
    assert sorted(discover(greet=f"import {PACKAGE}._words", _words="")) == ["_words", "greet"]


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("def broken(:", SyntaxError),
        ("import nothing_of_this_name", ModuleNotFoundError),
        ("undefined", NameError),
        ("raise SystemExit('no')", SystemExit),
    ],
)
def test_a_broken_module_raises_its_error_and_names_its_file(
    discover: Discover, source: str, error: type[BaseException]
) -> None:
    with pytest.raises(error) as caught:
        discover(apple="", greet=source)

    assert caught.value.__notes__ == [
        f"The task type in {PACKAGE}/greet.py cannot be imported: correct the file, or remove it."
    ]


def test_a_broken_helper_names_the_task_type_that_uses_it(discover: Discover) -> None:
    with pytest.raises(ModuleNotFoundError, match="_gone") as caught:
        discover(greet=f"import {PACKAGE}._gone")

    assert f"{PACKAGE}/greet.py" in caught.value.__notes__[0]


def test_the_task_types_of_the_service_are_all_found() -> None:
    modules = {name.removeprefix("chalicelib.task_types.") for name in sys.modules}
    files = {file.stem for file in Path(task_types.__file__).parent.glob("[!_]*.py")}

    assert files <= modules
    assert {each.name for each in TASK_TYPES} >= {"csv.profile", "demo.fail", "demo.sleep", "http.request"}
