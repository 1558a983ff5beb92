"""A package's bytecode is what Python loads on Lambda, and the same wherever it is made."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from infra.deployer.bytecode import add_bytecode
from infra.errors import DeploymentError

#: Strings that are shared, sets, and words that any Python has in memory already.
MODULES = {
    "app.py": "import chalicelib.inner\nNAMES = {'name', 'self', 'path', 'never seen before'}\n",
    "chalicelib/__init__.py": "",
    "chalicelib/inner.py": "def fail(name, path):\n    assert name in {'name', 'a', 'b'}\n    1 / 0\n",
    "wheel/data.txt": "no module",
}
ADD = """
import sys, pathlib
from infra.deployer.bytecode import add_bytecode
add_bytecode(pathlib.Path(sys.argv[1]))
"""
NAME = f"__pycache__/inner.{sys.implementation.cache_tag}.pyc"


def package(place: Path, files: Mapping[str, str] = MODULES) -> Path:
    place.mkdir(exist_ok=True)
    with zipfile.ZipFile(place / "package.zip", "w") as archive:
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(name), text)
    return place / "package.zip"


def unpacked(file: Path, target: Path) -> Path:
    with zipfile.ZipFile(file) as archive:
        archive.extractall(target)
    return target


def test_every_module_has_its_own(tmp_path: Path) -> None:
    made = package(tmp_path)
    add_bytecode(made)
    with zipfile.ZipFile(made) as archive:
        added = archive.namelist()[len(MODULES) :]
        assert archive.testzip() is None
    tag = sys.implementation.cache_tag
    assert added == [
        f"__pycache__/app.{tag}.pyc",
        f"chalicelib/__pycache__/__init__.{tag}.pyc",
        f"chalicelib/__pycache__/inner.{tag}.pyc",
    ]


def test_python_loads_it_whatever_the_times_of_the_sources(tmp_path: Path) -> None:
    made = package(tmp_path)
    add_bytecode(made)
    task = unpacked(made, tmp_path / "task")
    (task / "chalicelib" / "inner.py").write_text("raise SystemExit('compiled anew')\n")
    command = [sys.executable, "-c", "import app, chalicelib.inner as inner; print(inner.__cached__)"]
    said = subprocess.run(command, cwd=task, capture_output=True, text=True, check=True).stdout
    assert said.strip().endswith(f"chalicelib/{NAME}")


def test_a_traceback_shows_the_line_of_the_source(tmp_path: Path) -> None:
    made = package(tmp_path)
    add_bytecode(made)
    task = unpacked(made, tmp_path / "task")
    command = [sys.executable, "-c", "from chalicelib.inner import fail; fail('a', '')"]
    said = subprocess.run(command, cwd=task, capture_output=True, text=True, check=False).stderr
    assert f'File "{task}/chalicelib/inner.py", line 3, in fail\n    1 / 0\n' in said


def test_the_paths_in_it_are_those_of_the_function(tmp_path: Path) -> None:
    made = package(tmp_path)
    add_bytecode(made)
    with zipfile.ZipFile(made) as archive:
        content = archive.read(f"chalicelib/{NAME}")
    assert b"/var/task/chalicelib/inner.py" in content
    assert str(tmp_path).encode() not in content


@pytest.mark.parametrize("seed", ["1", "2"])
def test_it_is_the_same_in_any_process_and_place(tmp_path: Path, seed: str) -> None:
    here, there = package(tmp_path / "here"), package(tmp_path / "a place with a longer name")
    add_bytecode(here)
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    subprocess.run([sys.executable, "-c", ADD, str(there)], env=environment, check=True)
    assert here.read_bytes() == there.read_bytes()


def test_a_package_that_has_it_stays_as_it_is(tmp_path: Path) -> None:
    made = package(tmp_path)
    add_bytecode(made)
    before = made.read_bytes()
    add_bytecode(made)
    assert made.read_bytes() == before


def test_what_cannot_be_compiled_is_not_deployed(tmp_path: Path) -> None:
    made = package(tmp_path, {**MODULES, "chalicelib/broken.py": "def broken(:\n"})
    before = made.read_bytes()
    with pytest.raises(DeploymentError) as caught:
        add_bytecode(made)
    assert 'File "chalicelib/broken.py", line 1\n    def broken(:' in str(caught.value)
    assert str(tmp_path) not in str(caught.value)
    assert made.read_bytes() == before
