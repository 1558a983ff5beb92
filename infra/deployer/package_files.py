"""The content of the deployment package and its order: sources, dependencies, and bytecode of both."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from chalice.deploy.packager import (
    BaseLambdaDeploymentPackager,
    LambdaDeploymentPackager,
    MissingDependencyError,
)
from chalice.utils import OSUtils

from infra.deployer import bytecode
from infra.errors import BadInput

#: Existing bytecode would be stale: the package changes the time of every file. New bytecode replaces it.
#: No function reads a README.
LEFT_OUT: Final = frozenset({"__pycache__", "README.md"})

_original_walk: Final = OSUtils.walk
_original_package: Final = LambdaDeploymentPackager.create_deployment_package


def walk(self: OSUtils, path: str, followlinks: bool = False) -> Iterator[tuple[str, list[str], list[str]]]:
    """Replaces OSUtils.walk: yields the files below `path` in the same order on every machine."""
    for directory, folders, files in _original_walk(self, path, followlinks):
        folders[:] = sorted(set(folders) - LEFT_OUT)
        yield directory, folders, sorted(set(files) - LEFT_OUT)


def import_modules() -> None:
    """Import all of chalicelib, which is on the path. An import error propagates.

    A function imports most modules when it first needs them: too late to stop a broken one.
    """
    package = importlib.import_module("chalicelib")
    for module in pkgutil.walk_packages(package.__path__, "chalicelib."):
        importlib.import_module(module.name)


def build_dependencies(
    self: BaseLambdaDeploymentPackager,
    python_version: str,
    requirements_filepath: str,
    site_packages_dir: str,
) -> None:
    """Unpack the wheels of all pinned packages. Raises: BadInput when a wheel is missing."""
    try:
        self._dependency_builder.build_site_packages(
            self._RUNTIME_TO_ABI[python_version], requirements_filepath, site_packages_dir
        )
    except MissingDependencyError as error:
        names = ", ".join(sorted(package.identifier for package in error.missing))
        raise BadInput(
            f"No wheel for {python_version} on {self._architecture} was found of {names}: "
            "the functions could not import it. Pin a version that has one."
        ) from error


def create_package(self: LambdaDeploymentPackager, project_dir: str, python_version: str) -> str:
    """Return the package's file, with bytecode if the functions run on this process's Python version."""
    package = str(_original_package(self, project_dir, python_version))
    if python_version == bytecode.VERSION:
        bytecode.add_bytecode(Path(package))
    return package
