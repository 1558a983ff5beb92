"""Chalice's plan, carried out with care: a call that would change nothing is not made.

The same look, made first and without any call that changes something, is the plan that a person is shown.
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
from infra.deployer.diff import NEW, Standing, standing_of
from infra.deployer.versions import publish
from infra.plan import Change, Changes
from infra.stacks.ssm_parameters import put_websocket_endpoint
from infra.target import api_address, emulator_endpoint

#: The calls of Chalice's client, with what they do to what. Those that only read are not here.
_CALLS: Final[Mapping[str, tuple[str, str]]] = {
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
class Approving(Protocol):
    """A Chalice UI that is shown the plan first."""

    def approve(self, changes: list[Change]) -> None:
        """Raises whatever ends the deployment before it begins."""


def execute(self: Any, plan: models.Plan) -> None:
    """Takes the place of Executor.execute."""
    ui: Any = self._ui
    if isinstance(ui, Approving):
        rehearsal = Rehearsal(self._client, self._ui)
        rehearsal.rehearse(plan)
        ui.approve(rehearsal.changes.all)
    self.changes = Changes()
    for instruction in plan.instructions:
        getattr(self, f"_do_{type(instruction).__name__.lower()}")(instruction)
    finish(self._client, os.environ["STAGE"], self.resource_values)


def finish(client: TypedAWSClient, stage: str, resources: Sequence[Mapping[str, Any]]) -> None:
    """Do what only a whole deployment makes possible: tell the functions their address, keep their code."""
    endpoint = emulator_endpoint(os.environ)
    for each in resources:
        if each["resource_type"] == "websocket_api":
            url = api_address(endpoint, client.region_name, stage, each["websocket_api_id"])
            put_websocket_endpoint(client._client, stage, url)
    if stage != LOCAL_STAGE:  # where every saved file is a deployment, and nobody rolls back
        arns = [each["lambda_arn"] for each in resources if each["resource_type"] == "lambda_function"]
        publish(client._client("lambda"), [arn.rpartition(":")[2] for arn in arns])


def call(self: Any, instruction: models.APICall) -> None:
    """Takes the place of Executor._do_apicall."""
    wish = self._resolve_variables(instruction)
    method = instruction.method_name
    standing = _compare(self._client, method, wish)
    if standing is None or standing.differences:
        if standing is not None and self.changes.add(change := _change(method, wish, standing)):
            self._ui.write(f"{change}\n")
        output = getattr(self._client, method)(**wish)
    else:
        output = standing.output
    if instruction.output_var is not None:
        self.variables[instruction.output_var] = output


class Rehearsal(Executor):
    """Goes through a plan and makes only those calls that read."""

    def __init__(self, client: TypedAWSClient, ui: UI) -> None:
        super().__init__(client, ui)
        self.changes = Changes()

    def rehearse(self, plan: models.Plan) -> None:
        """Note in `changes` what the plan would change, each thing once."""
        for instruction in plan.instructions:
            getattr(self, f"_do_{type(instruction).__name__.lower()}")(instruction)

    def _do_apicall(self, instruction: models.APICall) -> None:
        wish = self._resolve_variables(instruction)
        method = instruction.method_name
        standing = _compare(self._client, method, wish)
        if standing is None:
            output = (
                NEW if any(value == NEW for value in wish.values()) else getattr(self._client, method)(**wish)
            )
        else:
            output = standing.output
            if standing.differences:
                self.changes.add(_change(method, wish, standing))
                output = output if output is not None else self._foretell(method, wish)
        if instruction.output_var is not None:
            self.variables[instruction.output_var] = output

    def _foretell(self, method: str, wish: Mapping[str, Any]) -> Any:
        """What a call that is not made would return."""
        if method in ("create_domain_name", "update_domain_name"):
            return defaultdict(lambda: NEW)
        if method not in ("create_function", "update_function"):
            return NEW
        account = self._client._client("sts").get_caller_identity()["Account"]
        place = f"{self._client.partition_name}:lambda:{self._client.region_name}:{account}"
        arn = f"arn:{place}:function:{wish['function_name']}"
        return arn if method == "create_function" else {"FunctionArn": arn}


def _compare(client: TypedAWSClient, method: str, wish: Mapping[str, Any]) -> Standing | None:
    """None for a call that only reads. One that nobody here knows is one that changes something."""
    is_read = method.startswith("get_") and method not in _CALLS
    return None if is_read else standing_of(client, method, wish)


def _change(method: str, wish: Mapping[str, Any], standing: Standing) -> Change:
    verb, kind = _CALLS.get(method, ("update", method.replace("_", " ")))
    name = next((str(wish[key]) for key in _NAMES if key in wish), "")
    if method in ("create_lambda_event_source", "update_lambda_event_source", "remove_lambda_event_source"):
        name = str(wish.get("event_source_arn") or wish.get("event_uuid")).rpartition(":")[2]
        name = name.removeprefix("table/").partition("/")[0]
    if kind.endswith(" API"):  # there is one of each, and its id says nothing
        name = ""
    if method == "get_or_create_rule_arn" and standing.differences == ("new",):
        verb = "create"
    name = name.rpartition(":function:")[2].removesuffix("-event")
    details = standing.differences if verb == "update" else ()
    return Change(verb=verb, kind=kind, name=name, details=tuple(each for each in details if each != "new"))
