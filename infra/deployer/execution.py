"""Executes Chalice's plan without the calls that would change nothing.

A dry run goes through the same plan first and makes no changing call: its result is the plan for the user.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol, runtime_checkable

from chalice.awsclient import TypedAWSClient
from chalice.deploy import models
from chalice.deploy.executor import Executor
from chalice.utils import UI

from infra import LOCAL_STAGE
from infra.deployer.diff import NEW, Diff, compare
from infra.deployer.versions import publish
from infra.plan import Change, Changes
from infra.stacks.ssm_parameters import put_websocket_endpoint
from infra.target import api_address, emulator_endpoint

#: The calls of Chalice's client that change something, each with a verb and a kind of resource.
_CHANGING_CALLS: Final[Mapping[str, tuple[str, str]]] = {
    "create_role": ("create", "role"),
    "put_role_policy": ("update", "role"),
    "create_function": ("create", "function"),
    "update_function": ("update", "function"),
    "put_function_concurrency": ("update", "function"),
    "delete_function_concurrency": ("update", "function"),
    "create_lambda_event_source": ("create", "event source"),
    "update_lambda_event_source": ("update", "event source"),
    "get_or_create_rule_arn": ("update", "schedule"),
    "connect_rule_to_lambda": ("update", "schedule"),
    "add_permission_for_apigateway": ("update", "function"),
    "add_permission_for_apigateway_v2": ("update", "function"),
    "add_permission_for_cloudwatch_event": ("update", "function"),
    "import_rest_api": ("create", "REST API"),
    "update_api_from_swagger": ("update", "REST API"),
    "update_rest_api": ("update", "REST API"),
    "deploy_rest_api": ("update", "REST API"),
    "create_websocket_api": ("create", "WebSocket API"),
    "delete_websocket_routes": ("update", "WebSocket API"),
    "delete_websocket_integrations": ("update", "WebSocket API"),
    "create_websocket_integration": ("update", "WebSocket API"),
    "create_websocket_route": ("update", "WebSocket API"),
    "deploy_websocket_api": ("update", "WebSocket API"),
    "create_stage": ("update", "WebSocket API"),
    "create_domain_name": ("create", "domain"),
    "update_domain_name": ("update", "domain"),
    "create_base_path_mapping": ("update", "domain"),
    "create_api_mapping": ("update", "domain"),
    "delete_api_mapping": ("update", "domain"),
    "delete_domain_name": ("delete", "domain"),
    "delete_function": ("delete", "function"),
    "delete_role": ("delete", "role"),
    "delete_rule": ("delete", "schedule"),
    "remove_lambda_event_source": ("delete", "event source"),
    "delete_rest_api": ("delete", "REST API"),
    "delete_websocket_api": ("delete", "WebSocket API"),
}
_NAMES: Final = ("role_name", "rule_name", "function_name", "function_arn", "domain_name", "name")


@runtime_checkable
class PlanApproval(Protocol):
    """A Chalice UI that approves the plan before anything is changed."""

    def approve(self, changes: list[Change]) -> None:
        """Return to continue. An exception ends the deployment before it begins."""


def execute(self: Any, plan: models.Plan) -> None:
    """Replaces Executor.execute."""
    ui: Any = self._ui
    if isinstance(ui, PlanApproval):
        dry_run = DryRun(self._client, self._ui)
        dry_run.run(plan)
        ui.approve(dry_run.changes.all)
    self.changes = Changes()
    for instruction in plan.instructions:
        getattr(self, f"_do_{type(instruction).__name__.lower()}")(instruction)
    finish(self._client, os.environ["STAGE"], self.resource_values)


def finish(client: TypedAWSClient, stage: str, resources: Sequence[Mapping[str, Any]]) -> None:
    """Finish a whole deployment: store the WebSocket endpoint for the functions, and publish their code."""
    endpoint = emulator_endpoint(os.environ)
    for each in resources:
        if each["resource_type"] == "websocket_api":
            url = api_address(endpoint, client.region_name, stage, each["websocket_api_id"])
            put_websocket_endpoint(client._client, stage, url)
    if stage != LOCAL_STAGE:  # which is deployed for every saved file and never rolled back
        arns = [each["lambda_arn"] for each in resources if each["resource_type"] == "lambda_function"]
        publish(client._client("lambda"), [arn.rpartition(":")[2] for arn in arns])


def call(self: Any, instruction: models.APICall) -> None:
    """Replaces Executor._do_apicall."""
    desired = self._resolve_variables(instruction)
    method = instruction.method_name
    diff = _diff(self._client, method, desired)
    if diff is None or diff.differences:
        if diff is not None and self.changes.add(change := _change(method, desired, diff)):
            self._ui.write(f"{change}\n")
        output = getattr(self._client, method)(**desired)
    else:
        output = diff.output
    if instruction.output_var is not None:
        self.variables[instruction.output_var] = output


class DryRun(Executor):
    """Goes through a plan and makes only the calls that read."""

    def __init__(self, client: TypedAWSClient, ui: UI) -> None:
        super().__init__(client, ui)
        self.changes = Changes()

    def run(self, plan: models.Plan) -> None:
        """Collect in `changes` what the plan would change."""
        for instruction in plan.instructions:
            getattr(self, f"_do_{type(instruction).__name__.lower()}")(instruction)

    def _do_apicall(self, instruction: models.APICall) -> None:
        desired = self._resolve_variables(instruction)
        method = instruction.method_name
        diff = _diff(self._client, method, desired)
        if diff is None:
            depends_on_new = any(value == NEW for value in desired.values())
            output = NEW if depends_on_new else getattr(self._client, method)(**desired)
        else:
            output = diff.output
            if diff.differences:
                self.changes.add(_change(method, desired, diff))
                output = output if output is not None else self._predicted_output(method, desired)
        if instruction.output_var is not None:
            self.variables[instruction.output_var] = output

    def _predicted_output(self, method: str, desired: Mapping[str, Any]) -> Any:
        """Return a placeholder for the output of a call that is not made."""
        if method in ("create_domain_name", "update_domain_name"):
            return defaultdict(lambda: NEW)
        if method not in ("create_function", "update_function"):
            return NEW
        account = self._client._client("sts").get_caller_identity()["Account"]
        prefix = f"arn:{self._client.partition_name}:lambda:{self._client.region_name}:{account}"
        arn = f"{prefix}:function:{desired['function_name']}"
        return arn if method == "create_function" else {"FunctionArn": arn}


def _diff(client: TypedAWSClient, method: str, desired: Mapping[str, Any]) -> Diff | None:
    """Return None for a call that only reads. An unknown call counts as a change."""
    is_read = method.startswith("get_") and method not in _CHANGING_CALLS
    return None if is_read else compare(client, method, desired)


def _change(method: str, desired: Mapping[str, Any], diff: Diff) -> Change:
    verb, kind = _CHANGING_CALLS.get(method, ("update", method.replace("_", " ")))
    name = next((str(desired[key]) for key in _NAMES if key in desired), "")
    if method in ("create_lambda_event_source", "update_lambda_event_source", "remove_lambda_event_source"):
        name = str(desired.get("event_source_arn") or desired.get("event_uuid")).rpartition(":")[2]
        name = name.removeprefix("table/").partition("/")[0]
    if kind.endswith(" API"):  # there is one of each, and its id is meaningless to the user
        name = ""
    if method == "get_or_create_rule_arn" and diff.differences == ("new",):
        verb = "create"
    name = name.rpartition(":function:")[2].removesuffix("-event")
    details = diff.differences if verb == "update" else ()
    return Change(verb=verb, kind=kind, name=name, details=tuple(each for each in details if each != "new"))
