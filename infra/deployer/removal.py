"""The app of a stage taken off AWS; its data stays."""

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
from infra.deployer.execution import Rehearsal
from infra.plan import Change


class Removal:
    """Everything of a stage that Chalice made, found by its names, deleted by Chalice's own sweeper."""

    def __init__(self, stage: str, ui: UI) -> None:
        self._client = TypedAWSClient(Session())
        self._ui = ui
        found = DeployedResources({"resources": adopt(self._client, stage, wanted=[], record=[])})
        sweeper = ResourceSweeper()
        config: Any = SimpleNamespace(chalice_stage=stage, deployed_resources=lambda _: found)
        sweeper.execute(models.Plan([], {}), config)
        self._plan = sweeper.plan

    @property
    def changes(self) -> list[Change]:
        """What would be deleted."""
        rehearsal = Rehearsal(self._client, self._ui)
        rehearsal.rehearse(self._plan)
        return rehearsal.changes.all

    def carry_out(self) -> None:
        """Delete it. What a killed removal left is found by the next."""
        Executor(self._client, self._ui).execute(self._plan)
