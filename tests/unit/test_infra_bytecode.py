"""Python on Lambda loads a package's bytecode, which is the same wherever it is compiled."""

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

#: Shared strings, sets, and strings that any Python process has interned already.
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


def package(folder: Path, files: Mapping[str, str] = MODULES) -> Path:
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / "package.zip", "w") as archive:
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(name), text)
    return folder / "package.zip"


def unpacked(file: Path, target: Path) -> Path:
    with zipfile.ZipFile(file) as archive:
        archive.extractall(target)
    return target


def test_every_module_gets_bytecode(tmp_path: Path) -> None:
    archive_file = package(tmp_path)
    add_bytecode(archive_file)
    with zipfile.ZipFile(archive_file) as archive:
        added = archive.namelist()[len(MODULES) :]
        assert archive.testzip() is None
    tag = sys.implementation.cache_tag
    assert added == [
        f"__pycache__/app.{tag}.pyc",
        f"chalicelib/__pycache__/__init__.{tag}.pyc",
        f"chalicelib/__pycache__/inner.{tag}.pyc",
    ]


def test_python_loads_it_and_ignores_the_times_of_the_sources(tmp_path: Path) -> None:
    archive_file = package(tmp_path)
    add_bytecode(archive_file)
    task = unpacked(archive_file, tmp_path / "task")
    (task / "chalicelib" / "inner.py").write_text("raise SystemExit('compiled anew')\n")
    command = [sys.executable, "-c", "import app, chalicelib.inner as inner; print(inner.__cached__)"]
    output = subprocess.run(command, cwd=task, capture_output=True, text=True, check=True).stdout
    assert output.strip().endswith(f"chalicelib/{NAME}")


def test_a_traceback_shows_the_line_of_the_source(tmp_path: Path) -> None:
    archive_file = package(tmp_path)
    add_bytecode(archive_file)
    task = unpacked(archive_file, tmp_path / "task")
    command = [sys.executable, "-c", "from chalicelib.inner import fail; fail('a', '')"]
    output = subprocess.run(command, cwd=task, capture_output=True, text=True, check=False).stderr
    assert f'File "{task}/chalicelib/inner.py", line 3, in fail\n    1 / 0\n' in output


def test_the_paths_in_it_are_those_of_the_function(tmp_path: Path) -> None:
    archive_file = package(tmp_path)
    add_bytecode(archive_file)
    with zipfile.ZipFile(archive_file) as archive:
        content = archive.read(f"chalicelib/{NAME}")
    assert b"/var/task/chalicelib/inner.py" in content
    assert str(tmp_path).encode() not in content


@pytest.mark.parametrize("seed", ["1", "2"])
def test_it_is_the_same_in_every_process_and_folder(tmp_path: Path, seed: str) -> None:
    here, there = package(tmp_path / "here"), package(tmp_path / "a folder with a longer name")
    add_bytecode(here)
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    subprocess.run([sys.executable, "-c", ADD, str(there)], env=environment, check=True)
    assert here.read_bytes() == there.read_bytes()


def test_a_package_with_bytecode_stays_unchanged(tmp_path: Path) -> None:
    archive_file = package(tmp_path)
    add_bytecode(archive_file)
    before = archive_file.read_bytes()
    add_bytecode(archive_file)
    assert archive_file.read_bytes() == before


def test_a_module_that_cannot_be_compiled_is_not_deployed(tmp_path: Path) -> None:
    archive_file = package(tmp_path, {**MODULES, "chalicelib/broken.py": "def broken(:\n"})
    before = archive_file.read_bytes()
    with pytest.raises(DeploymentError) as caught:
        add_bytecode(archive_file)
    assert 'File "chalicelib/broken.py", line 1\n    def broken(:' in str(caught.value)
    assert str(tmp_path) not in str(caught.value)
    assert archive_file.read_bytes() == before
