"""Replaces methods of Chalice 1.34's classes when it is imported.

app.py imports this module whenever Chalice's tools import app.py (never inside Lambda), so that the stock
`chalice deploy` is safe from its first run. Chalice creates its client and its deployer before it imports
app.py, so subclasses would come too late. The tables at the end list every method that is replaced: check
each of them before an upgrade of Chalice.

- On every stage, a deployment continues from the resources on AWS (adoption.py) and makes only the calls that
  change something (execution.py). Mappings and schedules have the options of event_sources.py, a table's
  stream is found by the table's name, and API Gateway's own responses have the app's format. A missing wheel
  is an error.
- On an emulator, nothing is waited for, and a REST API is created call by call. The local stage is deployed
  to the emulator only.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

from botocore.session import Session
from chalice.awsclient import TypedAWSClient
from chalice.config import Config, DeployedResources
from chalice.constants import DEFAULT_LAMBDA_TIMEOUT
from chalice.deploy import models
from chalice.deploy.deployer import BuildStage
from chalice.deploy.executor import Executor
from chalice.deploy.packager import BaseLambdaDeploymentPackager, LambdaDeploymentPackager
from chalice.deploy.planner import PlanStage
from chalice.deploy.sweeper import ResourceSweeper
from chalice.utils import OSUtils

from infra import LOCAL_STAGE, emulator_environment
from infra.deployer import execution, package_files, preconditions, swagger
from infra.deployer.adoption import adopt, role_description
from infra.deployer.deployment_lock import lock_stage
from infra.deployer.diff import code_hash, deployment_mark, with_fingerprint
from infra.deployer.event_sources import latest_stream, mapping_options, target_options
from infra.errors import BadInput
from infra.target import emulator_endpoint, read_stages

_ENDPOINTS: Final = Path(__file__).parents[2] / ".local" / "endpoints.json"

_original_client: Final = TypedAWSClient._client
_original_import: Final = TypedAWSClient.import_rest_api
_original_update: Final = TypedAWSClient.update_api_from_swagger
_original_verify: Final = TypedAWSClient.verify_event_source_arn_current
_original_code: Final = TypedAWSClient._update_function_code
_original_route: Final = TypedAWSClient.create_websocket_route
_original_build: Final = BuildStage.execute
_original_plan: Final = PlanStage.execute
_original_sweep: Final = ResourceSweeper.execute

#: The resources that the last plan found on AWS: the sweeper deletes those that the app no longer has.
_adopted: list[DeployedResources] = []


class EmulatorNotRunningError(RuntimeError):
    """The local stage is deployed to the emulator, and none was found."""


def install(stage: str | None) -> None:
    """Replace the methods that this stage needs on Chalice's classes, and so on existing objects."""
    methods = dict(_ON_EVERY_STAGE)
    if stage == LOCAL_STAGE:
        _use_emulator()
    else:
        methods |= _ON_OTHER_STAGES
    if stage == LOCAL_STAGE or emulator_endpoint(os.environ):
        methods |= _ON_AN_EMULATOR
    for (chalice_class, name), method in methods.items():
        setattr(chalice_class, name, method)


def _use_emulator() -> None:
    endpoint = os.environ.get("AWS_ENDPOINT_URL")
    if not endpoint and _ENDPOINTS.exists():
        endpoint = json.loads(_ENDPOINTS.read_text())["aws_endpoint"]
    if endpoint:
        os.environ.update(emulator_environment(endpoint))


# --- Resources on AWS, and those that the app no longer has --------------------------------------


def _plan(self: PlanStage, resources: list[models.Model]) -> models.Plan:
    state = self._remote_state
    record = [
        state._deployed_resources.resource_values(name) for name in state._deployed_resources.resource_names()
    ]
    adopted = adopt(state._client, os.environ["STAGE"], resources, record)
    state._deployed_resources = DeployedResources({"resources": adopted})
    _adopted[:] = [state._deployed_resources]
    return _original_plan(self, resources)


def _sweep(self: ResourceSweeper, plan: models.Plan, config: Any) -> None:
    if _adopted:
        stage = config.chalice_stage
        config = SimpleNamespace(chalice_stage=stage, deployed_resources=lambda _: _adopted[0])
    _original_sweep(self, plan, config)


def _build(self: BuildStage, config: Config, resources: list[models.Model]) -> None:
    """Check the preconditions first, because building the package takes long."""
    stage = config.chalice_stage
    package_files.import_modules()
    if stage != LOCAL_STAGE:
        read_stages(Path(config.project_dir))
        clients = cache(Session(profile=config.profile).create_client)
        functions = [each for each in resources if isinstance(each, models.LambdaFunction)]
        timeouts = {each.resource_name: each.timeout or DEFAULT_LAMBDA_TIMEOUT for each in functions}
        preconditions.check(clients, stage, timeouts, config.environment_variables)
        lock_stage(clients("dynamodb"), stage, Path(config.project_dir))
    try:
        _original_build(self, config, resources)
    except RuntimeError as error:  # from Chalice: a policy file cannot be read
        raise BadInput(f"{error}.") from error


# --- Clients and calls ----------------------------------------------------------------------------


def _client(self: TypedAWSClient, service_name: str) -> Any:
    is_new = service_name not in self._client_cache
    client = _original_client(self, service_name)
    if is_new and service_name == "lambda":
        _complete_mappings(client, find_stream=lambda arn: latest_stream(self._client("dynamodb"), arn))
    if is_new and service_name == "events":
        client.meta.events.register(
            "provide-client-params.events.PutRule", lambda params, **_: params.update(State="ENABLED")
        )
    if is_new and service_name == "iam":
        client.meta.events.register(
            "provide-client-params.iam.CreateRole",
            lambda params, **_: params.update(Description=role_description(self.region_name)),
        )
    return client


def _complete_mappings(client: Any, find_stream: Callable[[str], str]) -> None:
    """Add the options that Chalice lacks to this client's calls that create or update a mapping."""

    def complete_creation(params: dict[str, Any], **_: object) -> None:
        params["EventSourceArn"] = find_stream(params["EventSourceArn"])
        params.update(mapping_options(params["EventSourceArn"]))

    def complete_update(params: dict[str, Any], **_: object) -> None:
        mapping = client.get_event_source_mapping(UUID=params["UUID"])
        params.update(mapping_options(mapping["EventSourceArn"]))

    events = client.meta.events
    events.register("provide-client-params.lambda.CreateEventSourceMapping", complete_creation)
    events.register("provide-client-params.lambda.UpdateEventSourceMapping", complete_update)


def _verify_event_source_arn_current(
    self: TypedAWSClient, event_uuid: str, event_source_arn: str, function_arn: str
) -> bool:
    stream_arn = latest_stream(self._client("dynamodb"), event_source_arn)
    return bool(_original_verify(self, event_uuid, stream_arn, function_arn))


def _connect_rule_to_lambda(self: TypedAWSClient, rule_name: str, function_arn: str) -> None:
    target = {"Id": "1", "Arn": function_arn, **target_options(function_arn)}
    self._client("events").put_targets(Rule=rule_name, Targets=[target])


def _update_function_code(
    self: TypedAWSClient, function_name: str, zip_contents: Any, architecture: str | None = None
) -> Any:
    """Skip the upload of code that is live: it takes long and would end warm containers."""
    current = self._client("lambda").get_function_configuration(FunctionName=function_name)
    if current.get("State") == "Pending":  # an earlier deployment was killed
        self._wait_for_active(function_name)
    if current.get("LastUpdateStatus") == "InProgress":
        self._wait_for_function_update(function_name)
    same_architecture = architecture in (None, current.get("Architectures", ["x86_64"])[0])
    if same_architecture and current.get("CodeSha256") == code_hash(zip_contents):
        return current
    return _original_code(self, function_name, zip_contents, architecture)


def _create_websocket_route(self: TypedAWSClient, api_id: str, route_key: str, integration_id: str) -> None:
    """Create or update a route, and deploy the change to the API's stages."""
    gateway = self._client("apigatewayv2")
    routes = [each for each in gateway.get_routes(ApiId=api_id)["Items"] if each["RouteKey"] == route_key]
    if routes:
        gateway.update_route(
            ApiId=api_id, RouteId=routes[0]["RouteId"], Target=f"integrations/{integration_id}"
        )
    else:
        _original_route(self, api_id, route_key, integration_id)
    for stage in gateway.get_stages(ApiId=api_id)["Items"]:
        gateway.create_deployment(ApiId=api_id, StageName=stage["StageName"])


def _deploy_rest_api(self: TypedAWSClient, rest_api_id: str, api_gateway_stage: str, xray: bool) -> None:
    self._client("apigateway").create_deployment(
        restApiId=rest_api_id,
        stageName=api_gateway_stage,
        tracingEnabled=bool(xray),
        description=deployment_mark(self.get_rest_api(rest_api_id), bool(xray)),
    )


def _import_rest_api(self: TypedAWSClient, swagger_document: dict[str, Any], endpoint_type: str) -> str:
    return str(_original_import(self, with_fingerprint(swagger_document), endpoint_type))


def _update_api_from_swagger(
    self: TypedAWSClient, rest_api_id: str, swagger_document: dict[str, Any]
) -> None:
    _original_update(self, rest_api_id, with_fingerprint(swagger_document))


# --- On an emulator -------------------------------------------------------------------------------


def _emulator_client(self: TypedAWSClient, service_name: str) -> Any:
    if not os.environ.get("AWS_ENDPOINT_URL"):
        raise EmulatorNotRunningError("The local stage runs on the emulator: start it with `make up`.")
    return _client(self, service_name)


def _no_wait(self: TypedAWSClient, function_name: str) -> None:
    """Return at once: on the emulator, a function is usable when the call that created it returns."""


def _create_rest_api(self: TypedAWSClient, swagger_document: dict[str, Any], endpoint_type: str) -> str:
    return swagger.create_api(self._client("apigateway"), with_fingerprint(swagger_document), endpoint_type)


def _replace_routes(self: TypedAWSClient, rest_api_id: str, swagger_document: dict[str, Any]) -> None:
    swagger.replace_routes(self._client("apigateway"), rest_api_id, with_fingerprint(swagger_document))


_Methods = Mapping[tuple[type, str], Callable[..., Any]]
_ON_EVERY_STAGE: Final[_Methods] = {
    (BuildStage, "execute"): _build,
    (PlanStage, "execute"): _plan,
    (ResourceSweeper, "execute"): _sweep,
    (Executor, "execute"): execution.execute,
    (Executor, "_do_apicall"): execution.call,
    (OSUtils, "walk"): package_files.walk,
    (BaseLambdaDeploymentPackager, "_build_python_dependencies"): package_files.build_dependencies,
    (TypedAWSClient, "_client"): _client,
    (TypedAWSClient, "verify_event_source_arn_current"): _verify_event_source_arn_current,
    (TypedAWSClient, "connect_rule_to_lambda"): _connect_rule_to_lambda,
    (TypedAWSClient, "_update_function_code"): _update_function_code,
    (TypedAWSClient, "create_websocket_route"): _create_websocket_route,
    (TypedAWSClient, "deploy_rest_api"): _deploy_rest_api,
    (TypedAWSClient, "import_rest_api"): _import_rest_api,
    (TypedAWSClient, "update_api_from_swagger"): _update_api_from_swagger,
}
#: Not on the local stage, where a saved file must be live at once and compiling all others takes too long.
_ON_OTHER_STAGES: Final[_Methods] = {
    (LambdaDeploymentPackager, "create_deployment_package"): package_files.create_package,
}
_ON_AN_EMULATOR: Final[_Methods] = {
    (TypedAWSClient, "_client"): _emulator_client,
    (TypedAWSClient, "_wait_for_active"): _no_wait,
    (TypedAWSClient, "_wait_for_function_update"): _no_wait,
    (TypedAWSClient, "import_rest_api"): _create_rest_api,
    (TypedAWSClient, "update_api_from_swagger"): _replace_routes,
}

install(os.environ.get("STAGE"))
