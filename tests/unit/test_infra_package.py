"""The deployment package contains what the functions run, and nothing else."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from infra.deployer.app_functions import PROJECT
from infra.deployer.bytecode import VERSION

TAG = sys.implementation.cache_tag

#: Builds the package as a deployment does, with the extension that a deployment loads.
BUILD = """
import sys
import infra.deployer.chalice_patches
from chalice.deploy.packager import DependencyBuilder, LambdaDeploymentPackager
from chalice.utils import OSUtils, UI
packager = LambdaDeploymentPackager(OSUtils(), DependencyBuilder(OSUtils()), UI())
print(packager.create_deployment_package(sys.argv[1], sys.argv[2]))
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the project with bytecode, as on a developer's disk, without requirements to save time."""
    for name in ("app.py", "chalicelib", "infra", "tests", "local", ".chalice/config.json"):
        source, target = PROJECT / name, tmp_path / name
        target.parent.mkdir(exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            shutil.copy2(source, target)
    (tmp_path / "chalicelib" / "__pycache__").mkdir(exist_ok=True)
    (tmp_path / "chalicelib" / "__pycache__" / f"api.{TAG}.pyc").write_bytes(b"stale")
    return tmp_path


def build(project: Path, version: str = VERSION, *, stage: str = "dev", seed: str = "random") -> Path:
    output = subprocess.run(
        [sys.executable, "-c", BUILD, str(project), version],
        cwd=PROJECT,
        env={**os.environ, "STAGE": stage, "PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return Path(output.splitlines()[-1])


def test_it_contains_the_app_and_the_part_of_chalice_that_runs_it(project: Path) -> None:
    names = set(zipfile.ZipFile(build(project)).namelist())
    web = PROJECT / "chalicelib" / "web"
    files = {
        *(PROJECT / "chalicelib").rglob("*.py"),
        PROJECT / "chalicelib" / "aws" / "sdk" / "roots.pem",
        *(file for file in web.rglob("*.*") if file.suffix not in (".pyc", ".md")),
    }
    sources = {str(file.relative_to(PROJECT)) for file in files | set(web.glob("vendor/LICENSE-*"))}
    brought = {"app.py", "chalice/__init__.py", "chalice/app.py"} | sources
    assert names == brought | {cached(name) for name in brought if name.endswith(".py")}


def cached(name: str) -> str:
    folder, _, file = name.rpartition("/")
    return f"{folder}/__pycache__/".lstrip("/") + f"{file.removesuffix('.py')}.{TAG}.pyc"


def test_another_python_gets_no_bytecode_of_this_one(project: Path) -> None:
    names = zipfile.ZipFile(build(project, "python3.10")).namelist()
    assert "app.py" in names
    assert not [name for name in names if name.endswith(".pyc")]


def test_the_local_stage_gets_no_bytecode(project: Path) -> None:
    names = zipfile.ZipFile(build(project, stage="local")).namelist()
    assert "app.py" in names
    assert not [name for name in names if name.endswith(".pyc")]


def test_the_same_files_make_the_same_package(project: Path) -> None:
    first = build(project, seed="1")
    before = first.read_bytes()
    (project / "chalicelib" / "__pycache__" / f"api.{TAG}.pyc").write_bytes(b"other")
    first.unlink()
    second = build(project, seed="2")
    assert second.name == first.name
    assert second.read_bytes() == before


@pytest.mark.parametrize("name", ["boto3", "botocore", "chalice", "pytest", "moto", "ministack"])
def test_it_contains_nothing_that_lambda_provides_or_only_tests_need(name: str) -> None:
    pinned = re.findall(r"^([\w.-]+)==", (PROJECT / "requirements.txt").read_text(), re.MULTILINE)
    assert name not in pinned
    assert "pydantic" in pinned
