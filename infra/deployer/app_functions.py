"""The functions of a stage as Chalice would deploy them: what it reads in app.py and .chalice/config.json."""

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
    """One function, with the settings that Chalice found for it."""

    model: LambdaFunction
    queue: str | None = None  #: the short name of the queue that wakes it, if one does
    reads_stream: bool = False  #: the tasks table's stream wakes it

    @property
    def key(self) -> str:
        """What config.json calls it."""
        return str(self.model.resource_name)

    @property
    def name(self) -> str:
        """What AWS calls it."""
        return str(self.model.function_name)

    @property
    def policy_file(self) -> Path:
        """The file that its role's policy is taken from."""
        role = self.model.role
        assert isinstance(role, ManagedIAMRole)
        assert isinstance(role.policy, FileBasedIAMPolicy), f"{self.key} has autogen_policy"
        return Path(role.policy.filename)


def stages() -> list[str]:
    """The stages in .chalice/config.json."""
    return list(_factory().load_project_config()["stages"])


def functions_of(stage: str) -> list[Function]:
    """Every function of the stage, by its key."""
    return functions_in(_factory().create_config_obj(stage), stage)


def functions_in(config: Config, stage: str) -> list[Function]:
    """The same, from a configuration that was read already."""
    found: dict[str, Function] = {}
    for resource in ApplicationGraphBuilder().build(config, stage).resources:
        for model in _functions(resource):
            found[model.resource_name] = Function(model=model, **_source(resource))
    return [found[key] for key in sorted(found)]


def _functions(resource: Model) -> Iterable[LambdaFunction]:
    return (each for each in (resource, *resource.dependencies()) if isinstance(each, LambdaFunction))


def _source(resource: Model) -> dict[str, Any]:
    if isinstance(resource, SQSEventSource):
        # app.py was imported with one stage's names, whichever stage is asked for.
        return {"queue": str(resource.queue).removeprefix(Settings.current().resource(""))}
    return {"reads_stream": isinstance(resource, DynamoDBEventSource)}


def _factory() -> CLIFactory:
    return CLIFactory(str(PROJECT), environ=dict(os.environ))
