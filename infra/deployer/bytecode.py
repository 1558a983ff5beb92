"""Bytecode for the deployment package, so that a cold start compiles nothing.

/var/task is read-only, and a package dates every file 1980: only bytecode that ignores timestamps loads
there (PEP 552, unchecked). It is valid for one minor version of Python, whose tag is in its name. Tracebacks
show the paths of the function.
"""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from infra.errors import DeploymentError

TASK_ROOT: Final = "/var/task"
#: The Python that compiles. Functions load the bytecode when they run on the same minor version.
VERSION: Final = f"python{sys.version_info.major}.{sys.version_info.minor}"
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
_READABLE: Final = 0o100644 << 16

#: Compiles in a fresh process: marshal records which strings are shared within the process, and the compiler
#: orders sets by their hashes.
_COMPILER: Final = (sys.executable, "-S", "-P", "-W", "ignore", "-m", "compileall", "-q", "-f", "-j", "1")
_ENVIRONMENT: Final = {"PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8"}


def add_bytecode(package: Path) -> None:
    """Add bytecode of every module to a package that has none. The same modules give the same bytes.

    Raises: DeploymentError, naming the file, when a module cannot be compiled.
    """
    with zipfile.ZipFile(package) as archive:
        names = archive.namelist()
        if any(name.endswith(".pyc") for name in names):
            return
        with TemporaryDirectory(prefix="bytecode-") as folder:
            archive.extractall(folder, [name for name in names if name.endswith(".py")])
            _compile(Path(folder))
            compiled = sorted(Path(folder).rglob("*.pyc"))
            _append(package, {file.relative_to(folder).as_posix(): file.read_bytes() for file in compiled})


def _compile(folder: Path) -> None:
    options = ("-s", str(folder), "-p", TASK_ROOT, "--invalidation-mode", "unchecked-hash")
    result = subprocess.run(  # noqa: S603 - this Python's own module
        [*_COMPILER, *options, str(folder)], env=_ENVIRONMENT, capture_output=True, text=True, check=False
    )
    if result.returncode:
        output = f"{result.stdout}{result.stderr}".replace(f"{TASK_ROOT}/", "").replace(f"{folder}/", "")
        raise DeploymentError(f"A module of the deployment package cannot be compiled.\n{output}".rstrip())


def _append(package: Path, files: dict[str, bytes]) -> None:
    """Add all files to a package, or none of them."""
    draft = package.with_suffix(".tmp")
    draft.write_bytes(package.read_bytes())
    with zipfile.ZipFile(draft, "a", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = _READABLE
            archive.writestr(entry, content)
    os.replace(draft, package)
