"""The zip of a deployment, unpacked as Lambda unpacks it, with or without its bytecode."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path
from time import mktime
from typing import Final

ROOT: Final = Path(__file__).parents[1]
#: Kept between runs, so that wheels are downloaded once.
HOME: Final = ROOT / ".tools" / "bench"
#: The packages of AWS's runtime.
_RUNTIME: Final = ("boto3", "botocore", "dateutil", "jmespath", "s3transfer", "six", "urllib3")
#: Runs in a process of its own, because the deployer's extension patches Chalice's classes.
_BUILD: Final = """
import sys
import infra.deployer.chalice_patches
from infra.deployer.bytecode import VERSION
from chalice.deploy.packager import DependencyBuilder, LambdaDeploymentPackager
from chalice.utils import OSUtils, UI
packager = LambdaDeploymentPackager(OSUtils(), DependencyBuilder(OSUtils()), UI())
print(packager.create_deployment_package(sys.argv[1], VERSION))
"""


def build() -> Path:
    """The zip, built as by a deployment."""
    project = HOME / "project"
    shutil.rmtree(project / "chalicelib", ignore_errors=True)
    shutil.copytree(ROOT / "chalicelib", project / "chalicelib", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("app.py", "requirements.txt"):
        shutil.copy2(ROOT / name, project / name)
    output = subprocess.run(
        [sys.executable, "-c", _BUILD, str(project)],
        cwd=ROOT,
        env={**os.environ, "STAGE": "dev"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout
    return Path(output.splitlines()[-1])


def unpack(package: Path, target: Path, *, bytecode: bool = True) -> Path:
    """Unpack a zip with its timestamps, which Python compares with those in the bytecode."""
    with zipfile.ZipFile(package) as archive:
        for entry in archive.infolist():
            if bytecode or not entry.filename.endswith(".pyc"):
                archive.extract(entry, target)
                stamp = mktime((*entry.date_time, 0, 0, -1))
                os.utime(target / entry.filename, (stamp, stamp))
    return target


def link_runtime(target: Path) -> Path:
    """Links to the packages of AWS's runtime, as installed here."""
    target.mkdir()
    for name in _RUNTIME:
        spec = find_spec(name)
        assert spec is not None, name
        assert spec.origin is not None, name
        origin = Path(spec.origin)
        place = origin.parent if spec.submodule_search_locations else origin
        (target / place.name).symlink_to(place)
    return target
