"""Compares each call that Chalice plans with what AWS has.

Chalice plans its calls from its record alone and updates everything at each deployment. Each function here
compares one kind of call: it returns what the call would change, and what the call would return.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from chalice.awsclient import TypedAWSClient

from chalicelib.settings import Settings
from infra.deployer.event_sources import mapping_options, target_options
from infra.deployer.gateway_responses import with_gateway_responses
from infra.names import rest_api_name

#: Stands for the id of what a plan creates.
NEW: Final = "(new)"


@dataclass(frozen=True, kw_only=True)
class Diff:
    """The differences between a call's desired state and AWS's. Without differences the call is not made."""

    differences: tuple[str, ...] = ()
    output: Any = None  #: what the call would return


def compare(client: TypedAWSClient, method: str, desired: Mapping[str, Any]) -> Diff:
    """Compare the state that a call desires with AWS's. A call without a comparison always differs."""
    comparison = _COMPARISONS.get(method)
    if comparison is None or any(value == NEW for value in desired.values()):
        return Diff(differences=("new",))
    return comparison(client, **desired)


def code_hash(zip_contents: bytes) -> str:
    """Return Lambda's hash of this code (CodeSha256)."""
    return base64.b64encode(hashlib.sha256(zip_contents).digest()).decode()


def with_fingerprint(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the swagger document as it is sent, with gateway responses and its fingerprint as description.

    The title contains the stage's name: the API is found by it, and each stage has its own alarms.
    """
    settings = Settings.current()
    complete = with_gateway_responses(document, settings.cors_origins)
    info = {**document["info"], "title": rest_api_name(settings.stage)}
    text = json.dumps({**complete, "info": info}, sort_keys=True)
    return {**complete, "info": {**info, "description": hashlib.sha256(text.encode()).hexdigest()}}


def deployment_mark(api: Mapping[str, Any], xray: bool) -> str:
    """Return a hash of the REST API's state, stored with each deployment of the API to its stage."""
    state = [
        api.get("description"),
        api.get("minimumCompressionSize"),
        api["endpointConfiguration"]["types"],
        xray,
    ]
    return hashlib.sha256(json.dumps(state).encode()).hexdigest()


def includes(current: Any, desired: Any) -> bool:
    """Return whether `current` has every desired value. It may have others."""
    if isinstance(desired, Mapping):
        return isinstance(current, Mapping) and all(
            includes(current.get(key), value) for key, value in desired.items()
        )
    return bool(current == desired)


# --- Functions and roles ------------------------------------------------------------------------


def _function(client: TypedAWSClient, function_name: str, zip_contents: bytes, **desired: Any) -> Diff:
    lambda_client = client._client("lambda")
    current = lambda_client.get_function_configuration(FunctionName=function_name)
    differences = []
    if current.get("CodeSha256") != code_hash(zip_contents):
        differences.append("code")
    for name, old, new in _settings(current, desired):
        if new is not None and old != new:
            differences.append(name if isinstance(new, dict | list) else f"{name} {old} -> {new}")
    tags = lambda_client.list_tags(Resource=current["FunctionArn"])["Tags"]
    own_tags = {key: value for key, value in tags.items() if not key.startswith("aws:")}
    if desired["tags"] is not None and desired["tags"] != own_tags:
        differences.append("tags")
    return Diff(differences=tuple(differences), output={"FunctionArn": current["FunctionArn"]})


def _settings(current: Mapping[str, Any], desired: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """Return name, current value and desired value of each setting; None where Chalice changes nothing."""
    tracing = current.get("TracingConfig", {}).get("Mode")
    vpc = current.get("VpcConfig", {})
    return [
        ("architecture", current.get("Architectures", ["x86_64"])[0], desired["architecture"]),
        ("timeout", current["Timeout"], desired["timeout"]),
        ("memory", current["MemorySize"], desired["memory_size"]),
        ("runtime", current["Runtime"], desired["runtime"]),
        ("role", current["Role"], desired["role_arn"]),
        ("tracing", tracing, "Active" if desired["xray"] else None),
        (
            "environment",
            current.get("Environment", {}).get("Variables", {}),
            desired["environment_variables"],
        ),
        ("layers", [layer["Arn"] for layer in current.get("Layers", [])], desired["layers"]),
        ("subnets", vpc.get("SubnetIds", []), desired["subnet_ids"]),
        ("security groups", vpc.get("SecurityGroupIds", []), desired["security_group_ids"]),
    ]


def _concurrency(
    client: TypedAWSClient, function_name: str, reserved_concurrent_executions: int | None = None
) -> Diff:
    lambda_client = client._client("lambda")
    try:
        current = lambda_client.get_function_concurrency(FunctionName=function_name)
    except lambda_client.exceptions.ResourceNotFoundException:  # the same plan creates the function
        current = {}
    reserved = current.get("ReservedConcurrentExecutions")
    if reserved == reserved_concurrent_executions:
        return Diff()
    return Diff(differences=(f"reserved concurrency {reserved} -> {reserved_concurrent_executions}",))


def _policy(client: TypedAWSClient, role_name: str, policy_name: str, policy_document: Any) -> Diff:
    iam = client._client("iam")
    try:
        current = iam.get_role_policy(RoleName=role_name, PolicyName=policy_name)["PolicyDocument"]
    except iam.exceptions.NoSuchEntityException:
        return Diff(differences=("no policy",))
    return Diff() if current == policy_document else Diff(differences=("policy",))


def _permission(client: TypedAWSClient, **desired: Any) -> Diff:
    function = desired.get("function_name") or desired["function_arn"]
    service, source = "events", desired.get("rule_arn")
    if source is None:
        api_id = desired.get("rest_api_id") or desired["api_id"]
        service = "apigateway"
        source = client._build_source_arn_str(desired["region_name"], desired["account_id"], api_id)
    policy = client.get_function_policy(function)
    if client._policy_gives_access(policy, source, service, None):
        return Diff()
    return Diff(differences=(f"may be invoked by {service}",))


# --- Event sources ------------------------------------------------------------------------------


def _mapping(
    client: TypedAWSClient,
    event_uuid: str,
    batch_size: int,
    maximum_batching_window_in_seconds: int | None = 0,
    maximum_concurrency: int | None = None,
) -> Diff:
    current = client._client("lambda").get_event_source_mapping(UUID=event_uuid)
    desired = {
        "BatchSize": batch_size,
        "MaximumBatchingWindowInSeconds": maximum_batching_window_in_seconds or 0,
        **mapping_options(current["EventSourceArn"]),
    }
    if maximum_concurrency:
        desired["ScalingConfig"] = {"MaximumConcurrency": maximum_concurrency}
    current.setdefault("MaximumBatchingWindowInSeconds", 0)
    return Diff(
        differences=tuple(key for key, value in desired.items() if not includes(current.get(key), value))
    )


def _rule(
    client: TypedAWSClient,
    rule_name: str,
    schedule_expression: str | None = None,
    event_pattern: str | None = None,
    rule_description: str | None = None,
) -> Diff:
    events = client._client("events")
    try:
        current = events.describe_rule(Name=rule_name)
    except events.exceptions.ResourceNotFoundException:
        return Diff(differences=("new",))
    settings = {
        "schedule": (current.get("ScheduleExpression"), schedule_expression),
        "pattern": (current.get("EventPattern"), event_pattern),
        "description": (current.get("Description", ""), rule_description),
        "state": (current["State"], "ENABLED"),
    }
    differences = tuple(
        f"{name} {old} -> {new}" for name, (old, new) in settings.items() if new is not None and old != new
    )
    return Diff(differences=differences, output=current["Arn"])


def _target(client: TypedAWSClient, rule_name: str, function_arn: str) -> Diff:
    events = client._client("events")
    try:
        current = events.list_targets_by_rule(Rule=rule_name)["Targets"]
    except events.exceptions.ResourceNotFoundException:
        return Diff(differences=("new",))
    desired = {"Id": "1", "Arn": function_arn, **target_options(function_arn)}
    return Diff() if any(includes(each, desired) for each in current) else Diff(differences=("target",))


# --- APIs ---------------------------------------------------------------------------------------


def _routes(client: TypedAWSClient, rest_api_id: str, swagger_document: Mapping[str, Any]) -> Diff:
    api = client.get_rest_api(rest_api_id)
    fingerprint = with_fingerprint(swagger_document)["info"]["description"]
    return Diff() if api.get("description") == fingerprint else Diff(differences=("routes",))


def _rest_api(client: TypedAWSClient, rest_api_id: str, patch_operations: list[dict[str, str]]) -> Diff:
    api = client.get_rest_api(rest_api_id)
    current = {"/minimumCompressionSize": str(api.get("minimumCompressionSize", ""))}
    for kind in api["endpointConfiguration"]["types"]:
        current[f"/endpointConfiguration/types/{kind}"] = kind
    return Diff(
        differences=tuple(
            f"{each['path'].rpartition('/')[2]} -> {each['value']}"
            for each in patch_operations
            if current.get(each["path"]) != str(each["value"] or "")
        )
    )


def _rest_stage(client: TypedAWSClient, rest_api_id: str, api_gateway_stage: str, xray: bool) -> Diff:
    gateway = client._client("apigateway")
    try:
        stage = gateway.get_stage(restApiId=rest_api_id, stageName=api_gateway_stage)
        live = gateway.get_deployment(restApiId=rest_api_id, deploymentId=stage["deploymentId"])
    except gateway.exceptions.NotFoundException:
        return Diff(differences=("new",))
    if live.get("description") == deployment_mark(client.get_rest_api(rest_api_id), bool(xray)):
        return Diff()
    return Diff(differences=("deployment",))


def _integration(client: TypedAWSClient, api_id: str, lambda_function: str, **_: Any) -> Diff:
    current = client._client("apigatewayv2").get_integrations(ApiId=api_id)["Items"]
    for each in current:
        if each.get("IntegrationUri") == lambda_function:
            return Diff(output=each["IntegrationId"])
    return Diff(differences=("integration",))


def _route(client: TypedAWSClient, api_id: str, route_key: str, integration_id: str) -> Diff:
    current = client._client("apigatewayv2").get_routes(ApiId=api_id)["Items"]
    desired = {"RouteKey": route_key, "Target": f"integrations/{integration_id}"}
    return Diff() if any(includes(each, desired) for each in current) else Diff(differences=("route",))


def _kept(_client: TypedAWSClient, **_: Any) -> Diff:
    """Keep all routes and integrations of the WebSocket API. Chalice would delete and recreate them."""
    return Diff()


_COMPARISONS: Final[Mapping[str, Callable[..., Diff]]] = {
    "update_function": _function,
    "put_function_concurrency": _concurrency,
    "delete_function_concurrency": _concurrency,
    "put_role_policy": _policy,
    "add_permission_for_apigateway": _permission,
    "add_permission_for_apigateway_v2": _permission,
    "add_permission_for_cloudwatch_event": _permission,
    "update_lambda_event_source": _mapping,
    "get_or_create_rule_arn": _rule,
    "connect_rule_to_lambda": _target,
    "update_api_from_swagger": _routes,
    "update_rest_api": _rest_api,
    "deploy_rest_api": _rest_stage,
    "create_websocket_integration": _integration,
    "create_websocket_route": _route,
    "delete_websocket_routes": _kept,
    "delete_websocket_integrations": _kept,
}
