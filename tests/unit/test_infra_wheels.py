"""A package without a wheel ends the deployment. Chalice itself would only print a warning."""

from __future__ import annotations

import subprocess
import sys

#: In a process of its own, because chalice_patches changes Chalice's classes for good.
BUILD = """
from chalice.deploy.packager import BaseLambdaDeploymentPackager, MissingDependencyError
from chalice.utils import OSUtils, UI
import infra.deployer.chalice_patches
from infra.errors import BadInput

class Lxml:
    identifier = "lxml==6.0.0"

class Wheels:
    def build_site_packages(self, abi, requirements, directory):
        raise MissingDependencyError({Lxml})

packager = BaseLambdaDeploymentPackager(OSUtils(), Wheels(), UI(), "arm64")
try:
    packager._build_python_dependencies("python3.12", "requirements.txt", "/nowhere")
except BadInput as error:
    print(error.message)
"""


def test_the_deployment_ends_and_names_the_package() -> None:
    completed = subprocess.run([sys.executable, "-c", BUILD], capture_output=True, text=True, check=False)
    assert completed.stdout.startswith("No wheel for python3.12 on arm64 was found of lxml==6.0.0: "), (
        completed.stderr
    )
