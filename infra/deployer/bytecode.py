"""Bytecode for the deployment package, so that no cold start compiles what has not changed.

/var/task is read-only and a package stamps every file 1980, so only bytecode that asks no timestamp loads
there (PEP 552, unchecked). It is good for one minor version of Python, whose tag is in its name, and the
paths in its tracebacks are those of the function.
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
#: The Python that makes the bytecode, and the functions' when they run on the same minor version.
VERSION: Final = f"python{sys.version_info.major}.{sys.version_info.minor}"
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
_READABLE: Final = 0o100644 << 16

#: What compiles, in a process that nothing before it has touched: marshal writes down which strings are
#: shared with the process around it, and the compiler orders sets by their hashes.
_COMPILER: Final = (sys.executable, "-S", "-P", "-W", "ignore", "-m", "compileall", "-q", "-f", "-j", "1")
_ENVIRONMENT: Final = {"PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8"}


def add_bytecode(package: Path) -> None:
    """Give every module in a package its bytecode, unless it has it. The same modules get the same bytes.

    Raises: DeploymentError, naming the file, when one cannot be compiled.
    """
    with zipfile.ZipFile(package) as archive:
        names = archive.namelist()
        if any(name.endswith(".pyc") for name in names):
            return
        with TemporaryDirectory(prefix="bytecode-") as place:
            archive.extractall(place, [name for name in names if name.endswith(".py")])
            _compile(Path(place))
            compiled = sorted(Path(place).rglob("*.pyc"))
            _append(package, {file.relative_to(place).as_posix(): file.read_bytes() for file in compiled})


def _compile(place: Path) -> None:
    where = ("-s", str(place), "-p", TASK_ROOT, "--invalidation-mode", "unchecked-hash")
    done = subprocess.run(  # noqa: S603 - this Python's own module
        [*_COMPILER, *where, str(place)], env=_ENVIRONMENT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = f"{done.stdout}{done.stderr}".replace(f"{TASK_ROOT}/", "").replace(f"{place}/", "")
        raise DeploymentError(f"What is to be deployed cannot be compiled.\n{said}".rstrip())


def _append(package: Path, files: dict[str, bytes]) -> None:
    """Add files to a package, all or none of them."""
    whole = package.with_suffix(".tmp")
    whole.write_bytes(package.read_bytes())
    with zipfile.ZipFile(whole, "a", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = _READABLE
            archive.writestr(entry, content)
    os.replace(whole, package)
