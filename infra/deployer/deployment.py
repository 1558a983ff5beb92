"""Deploys the app with Chalice's own deployer.

A deployment imports app.py with all its side effects, so `deploy_app` needs a process of its own:
`python -m infra deploy` is one, and the local stage starts one for each deployment. The local stage forks it
from a process that has imported this module. Therefore this module must not import chalicelib, whose files
may have changed since.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chalice.cli.factory import CLIFactory
from chalice.config import Config
from chalice.deploy import models
from chalice.deploy.deployer import ChaliceDeploymentError, Deployer
from chalice.deploy.validate import ExperimentalFeatureError
from chalice.utils import UI

from infra import LOCAL_STAGE
from infra.deployer import package_files
from infra.errors import AppImportError, BadInput, DeploymentError


@dataclass(frozen=True, kw_only=True)
class DeployedApis:
    """The ids of the stage's two APIs."""

    rest_api_id: str
    websocket_api_id: str


def deploy_app(
    project_dir: Path, stage: str, environment: Mapping[str, str], ui: UI | None = None
) -> DeployedApis:
    """Deploy the app in `project_dir`. An app that cannot be imported changes nothing.

    `environment` is added to the functions' variables in .chalice/config.json. `ui` receives each step, and
    a `PlanApproval` receives the plan first.
    Raises: AppImportError; DeploymentError when Chalice or AWS refuses.
    """
    config, deployer = _prepare(project_dir, stage, environment, ui or UI())
    try:
        deployed = deployer.deploy(config, stage)
    except (ChaliceDeploymentError, ExperimentalFeatureError) as error:
        raise DeploymentError(str(error).strip()) from error
    resources = {resource["name"]: resource for resource in deployed["resources"]}
    return DeployedApis(
        rest_api_id=resources["rest_api"]["rest_api_id"],
        websocket_api_id=resources["websocket_api"]["websocket_api_id"],
    )


def deploy_function(project_dir: Path, stage: str, name: str, ui: UI) -> bool:
    """Deploy this checkout's code to one function only. Return False when it was live already.

    Raises: AppImportError; BadInput when the app or the stage has no such function.
    """
    from infra.deployer.diff import code_hash  # noqa: PLC0415 - see above
    from infra.deployer.versions import publish  # noqa: PLC0415

    config, deployer = _prepare(project_dir, stage, {}, ui)
    graph = deployer._application_builder.build(config, stage)
    resources = deployer._deps_builder.build_dependencies(graph)
    functions = {each.resource_name: each for each in resources if isinstance(each, models.LambdaFunction)}
    if name not in functions:
        raise BadInput(f"There is no function {name!r}. There are {', '.join(sorted(functions))}.")
    function = functions[name]
    client = deployer._executor._client
    if not client.lambda_function_exists(function.function_name):
        raise BadInput(f"The stage {stage} has no function {name} yet: deploy all of it first.")
    deployer._build_stage.execute(config, [*functions.values(), function.deployment_package])
    package: Any = Path(str(function.deployment_package.filename)).read_bytes()
    before = client.get_function_configuration(function.function_name)["CodeSha256"]
    client._update_function_code(function.function_name, package, function.architecture)
    publish(client._client("lambda"), [function.function_name])
    return bool(before != code_hash(package))


def _prepare(
    project_dir: Path, stage: str, environment: Mapping[str, str], ui: UI
) -> tuple[Config, Deployer]:
    """Import the app; return its configuration and Chalice's deployer for it."""
    os.environ["AWS_CHALICE_CLI_MODE"] = "true"  # as the chalice command does: app.py imports chalice_patches
    factory = CLIFactory(str(project_dir), environ=os.environ)
    config = factory.create_config_obj(
        stage, user_provided_params={"environment_variables": dict(environment)}
    )
    if stage != LOCAL_STAGE:
        from infra.deployer.preconditions import read_settings  # noqa: PLC0415 - see above

        read_settings(stage, config.environment_variables)
    _import_app(config, project_dir)
    return config, factory.create_default_deployer(factory.create_botocore_session(), config, ui)


def _import_app(config: Config, project_dir: Path) -> None:
    try:
        _ = config.chalice_app
        package_files.import_modules()
    except (Exception, SystemExit) as error:
        raise AppImportError(_explain(error, project_dir)) from error


def _explain(error: BaseException, project_dir: Path) -> str:
    """Return Python's report of the error, with the frames of the app's own files only."""
    if isinstance(error.__context__, SyntaxError):  # Chalice's own text for it lacks the line and the caret
        error = error.__context__
    report = traceback.TracebackException.from_exception(error, compact=True)
    own = [frame for frame in report.stack if frame.filename.startswith(str(project_dir))]
    lines = traceback.StackSummary.from_list(own).format() + list(report.format_exception_only())
    return "".join(lines).replace(f"{project_dir}{os.sep}", "").rstrip()
