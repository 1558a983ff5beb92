"""Deployments in processes of their own, so that what app.py does on import stays out of this one.

The processes are forked from a server that has Chalice and botocore loaded already: that saves most of a
second each time.
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
    """Start the server that deploying processes are forked from, if it does not run yet.

    Neither it nor they hear Ctrl-C, which a terminal sends to all: we end them.
    """
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        forkserver.ensure_running()
    finally:
        signal.signal(signal.SIGINT, before)


@dataclass(frozen=True, kw_only=True)
class Deployer:
    """Deploys the app in `source` to the emulator at `endpoint`.

    `home` holds the project as it is deployed, and `records` what Chalice remembers of the last deployment.
    The `environment` is added to the functions' own.
    """

    source: Path
    endpoint: str
    home: Path
    records: Path
    environment: Mapping[str, str]

    def deploy(self) -> DeployedApis:
        """Raises: DeploymentError; after an AppImportError the old code is live and untouched."""
        load_deployer()
        receiver, sender = _context.Pipe(duplex=False)
        process = _context.Process(target=_deploy, args=(self, sender), daemon=True)
        process.start()
        sender.close()
        try:
            if not receiver.poll(TIMEOUT_SECONDS):
                raise DeploymentError(
                    f"No end after {TIMEOUT_SECONDS:.0f} s: does app.py wait for something?"
                )
            outcome = receiver.recv()
        except EOFError:
            raise DeploymentError(
                f"The deploying process ended without an answer. See {self.log_file}"
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


def _deploy(order: Deployer, answers: Connection) -> None:
    """In the deploying process: carry out the order, answer with the APIs' ids or with what went wrong."""
    with order.log_file.open("a") as log:
        os.dup2(log.fileno(), sys.stdout.fileno())
        os.dup2(log.fileno(), sys.stderr.fileno())
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(emulator_environment(order.endpoint))
    try:
        _lay_out_project(order)
        answers.send(asdict(deploy_app(order.project, LOCAL_STAGE, order.environment)))
    except DeploymentError as error:
        answers.send(error)
    except Exception as error:
        traceback.print_exc()
        answers.send(DeploymentError(f"{type(error).__name__}: {error}\nThe details are in {order.log_file}"))


def _lay_out_project(order: Deployer) -> None:
    """A project directory as Chalice wants one, made of links to the source files.

    It has no requirements.txt, so Chalice looks for no wheels: the functions run on this interpreter, which
    has them. And Chalice keeps its record of the deployment where `records` says.
    """
    shutil.rmtree(order.project, ignore_errors=True)
    settings = order.project / ".chalice"
    settings.mkdir(parents=True)
    order.records.mkdir(parents=True, exist_ok=True)
    (settings / "deployed").symlink_to(order.records)
    for file in (order.source / ".chalice").glob("*.json"):
        (settings / file.name).symlink_to(file)
    for name in ("app.py", "chalicelib"):
        (order.project / name).symlink_to(order.source / name)
