"""Deploys in a separate process, so that the side effects of importing app.py stay out of this one.

The process is forked from a server that has loaded Chalice and botocore: that saves most of a second each
time.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

from infra import LOCAL_STAGE, emulator_environment
from infra.deployer.deployment import DeployedApis, deploy_app
from infra.errors import DeploymentError

TIMEOUT_SECONDS: Final = 120.0

_context: Final = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["infra.deployer.deployment"])


def load_deployer() -> None:
    """Start the server that deploying processes are forked from, unless it runs already.

    The server and the processes ignore Ctrl-C, which a terminal sends to all of them: the caller ends them.
    """
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        forkserver.ensure_running()
    finally:
        signal.signal(signal.SIGINT, before)


@dataclass(frozen=True, kw_only=True)
class Deployer:
    """Deploys the app in `source` to the emulator at `endpoint`.

    `home` contains the deployed project, and `records` Chalice's record of the last deployment. The
    `environment` is added to the functions' own.
    """

    source: Path
    endpoint: str
    home: Path
    records: Path
    environment: Mapping[str, str]

    def deploy(self) -> DeployedApis:
        """Return the ids of the deployed APIs.

        Raises: DeploymentError; after an AppImportError the old code is live and unchanged.
        """
        load_deployer()
        receiver, sender = _context.Pipe(duplex=False)
        process = _context.Process(target=_deploy, args=(self, sender), daemon=True)
        process.start()
        sender.close()
        try:
            if not receiver.poll(TIMEOUT_SECONDS):
                raise DeploymentError(
                    f"No result after {TIMEOUT_SECONDS:.0f} s: does app.py wait for something?"
                )
            outcome = receiver.recv()
        except EOFError:
            raise DeploymentError(
                f"The deploying process ended without a result. See {self.log_file}"
            ) from None
        finally:
            process.kill()
            process.join()
            receiver.close()
        if isinstance(outcome, DeploymentError):
            raise outcome
        return DeployedApis(**outcome)

    @property
    def log_file(self) -> Path:
        return self.home / "deploy.log"

    @property
    def project(self) -> Path:
        return self.home / "app"


def _deploy(deployer: Deployer, results: Connection) -> None:
    """Run in the deploying process: deploy, and send the APIs' ids or the error."""
    with deployer.log_file.open("a") as log:
        os.dup2(log.fileno(), sys.stdout.fileno())
        os.dup2(log.fileno(), sys.stderr.fileno())
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(emulator_environment(deployer.endpoint))
    try:
        _lay_out_project(deployer)
        results.send(asdict(deploy_app(deployer.project, LOCAL_STAGE, deployer.environment)))
    except DeploymentError as error:
        results.send(error)
    except Exception as error:
        traceback.print_exc()
        results.send(
            DeploymentError(f"{type(error).__name__}: {error}\nThe details are in {deployer.log_file}")
        )


def _lay_out_project(deployer: Deployer) -> None:
    """Create a project directory for Chalice, made of links to the source files.

    It has no requirements.txt, so Chalice downloads no wheels: the functions run on this interpreter, which
    has the packages installed. Chalice's record of the deployment is stored in `records`.
    """
    shutil.rmtree(deployer.project, ignore_errors=True)
    settings = deployer.project / ".chalice"
    settings.mkdir(parents=True)
    deployer.records.mkdir(parents=True, exist_ok=True)
    (settings / "deployed").symlink_to(deployer.records)
    for file in (deployer.source / ".chalice").glob("*.json"):
        (settings / file.name).symlink_to(file)
    for name in ("app.py", "chalicelib"):
        (deployer.project / name).symlink_to(deployer.source / name)
