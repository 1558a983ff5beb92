"""The functions of a stage as Chalice would deploy them, read from app.py and .chalice/config.json."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from chalice.cli.factory import CLIFactory
from chalice.config import Config
from chalice.deploy.appgraph import ApplicationGraphBuilder
from chalice.deploy.models import (
    DynamoDBEventSource,
    FileBasedIAMPolicy,
    LambdaFunction,
    ManagedIAMRole,
    Model,
    SQSEventSource,
)

from chalicelib.settings import Settings

PROJECT: Final = Path(__file__).parents[2]


@dataclass(frozen=True, kw_only=True)
class Function:
    """One function with its settings."""

    model: LambdaFunction
    queue: str | None = None  #: the short name of the queue that it reads
    reads_stream: bool = False  #: it reads the tasks table's stream

    @property
    def key(self) -> str:
        """Its name in config.json."""
        return str(self.model.resource_name)

    @property
    def name(self) -> str:
        """Its name on AWS."""
        return str(self.model.function_name)

    @property
    def policy_file(self) -> Path:
        """The file with its role's policy."""
        role = self.model.role
        assert isinstance(role, ManagedIAMRole)
        assert isinstance(role.policy, FileBasedIAMPolicy), f"{self.key} has autogen_policy"
        return Path(role.policy.filename)


def stages() -> list[str]:
    """Return the stages in .chalice/config.json."""
    return list(CLIFactory(str(PROJECT), environ=dict(os.environ)).load_project_config()["stages"])


def stage_config(project: Path, stage: str) -> Config:
    """Return Chalice's configuration of a project's stage."""
    return CLIFactory(str(project), environ=dict(os.environ)).create_config_obj(stage)


def functions_of(stage: str) -> list[Function]:
    """Return every function of the stage, ordered by key."""
    return functions_in(stage_config(PROJECT, stage), stage)


def functions_in(config: Config, stage: str) -> list[Function]:
    """Return the same from a configuration that is already read."""
    functions: dict[str, Function] = {}
    for resource in ApplicationGraphBuilder().build(config, stage).resources:
        for model in _lambda_functions(resource):
            functions[model.resource_name] = Function(model=model, **_source(resource))
    return [functions[key] for key in sorted(functions)]


def _lambda_functions(resource: Model) -> Iterable[LambdaFunction]:
    return (each for each in (resource, *resource.dependencies()) if isinstance(each, LambdaFunction))


def _source(resource: Model) -> dict[str, Any]:
    if isinstance(resource, SQSEventSource):
        # app.py has the names of the stage it was imported for, whatever stage is requested here.
        return {"queue": str(resource.queue).removeprefix(Settings.current().resource(""))}
    return {"reads_stream": isinstance(resource, DynamoDBEventSource)}
