"""Removes the app of a stage from AWS; the stage's data stays."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from botocore.session import Session
from chalice.awsclient import TypedAWSClient
from chalice.config import DeployedResources
from chalice.deploy import models
from chalice.deploy.executor import Executor
from chalice.deploy.sweeper import ResourceSweeper
from chalice.utils import UI

from infra.deployer.adoption import adopt
from infra.deployer.execution import DryRun
from infra.plan import Change


class Removal:
    """The removal of all resources that Chalice created for a stage. Chalice's own sweeper deletes them."""

    def __init__(self, stage: str, ui: UI) -> None:
        self._client = TypedAWSClient(Session())
        self._ui = ui
        resources = adopt(self._client, stage, app_resources=[], record=[])
        deployed = DeployedResources({"resources": resources})
        sweeper = ResourceSweeper()
        config: Any = SimpleNamespace(chalice_stage=stage, deployed_resources=lambda _: deployed)
        sweeper.execute(models.Plan([], {}), config)
        self._plan = sweeper.plan

    @property
    def changes(self) -> list[Change]:
        """The planned deletions."""
        dry_run = DryRun(self._client, self._ui)
        dry_run.run(self._plan)
        return dry_run.changes.all

    def execute(self) -> None:
        """Delete the resources. After a killed removal, the next one finds the rest."""
        Executor(self._client, self._ui).execute(self._plan)
