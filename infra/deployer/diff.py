"""What AWS has already, compared with what Chalice is about to put there.

Chalice plans its calls from its record alone and puts everything anew at each deployment. Each function here
looks at one kind of call: it says what the call would change, and what it would return.
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
class Standing:
    """How a call's wish compares with what is there. Without differences the call has nothing to do."""

    differences: tuple[str, ...] = ()
    output: Any = None


def standing_of(client: TypedAWSClient, method: str, wish: Mapping[str, Any]) -> Standing:
    """Compare; whatever cannot be compared differs."""
    look = _LOOKS.get(method)
    if look is None or any(value == NEW for value in wish.values()):
        return Standing(differences=("new",))
    return look(client, **wish)


def code_of(zip_contents: bytes) -> str:
    """How Lambda names this code (CodeSha256)."""
    return base64.b64encode(hashlib.sha256(zip_contents).digest()).decode()


def finished(document: Mapping[str, Any]) -> dict[str, Any]:
    """The swagger document as it is sent: with the gateway's own answers, and with its fingerprint.

    The stage's name is in its title, so that the API is found by it, and alarms tell the stages apart.
    """
    settings = Settings.current()
    complete = with_gateway_responses(document, settings.cors_origins)
    info = {**document["info"], "title": rest_api_name(settings.stage)}
    print_ = hashlib.sha256(json.dumps({**complete, "info": info}, sort_keys=True).encode()).hexdigest()
    return {**complete, "info": {**info, "description": print_}}


def deployment_mark(api: Mapping[str, Any], xray: bool) -> str:
    """Names the state of a REST API that a deployment of it has brought to its stage."""
    state = [
        api.get("description"),
        api.get("minimumCompressionSize"),
        api["endpointConfiguration"]["types"],
        xray,
    ]
    return hashlib.sha256(json.dumps(state).encode()).hexdigest()


def covers(actual: Any, wanted: Any) -> bool:
    """Is everything that is wanted there, whatever else there is?"""
    if isinstance(wanted, Mapping):
        return isinstance(actual, Mapping) and all(
            covers(actual.get(key), value) for key, value in wanted.items()
        )
    return bool(actual == wanted)


# --- Functions and roles ------------------------------------------------------------------------


def _function(client: TypedAWSClient, function_name: str, zip_contents: bytes, **wish: Any) -> Standing:
    functions = client._client("lambda")
    found = functions.get_function_configuration(FunctionName=function_name)
    differences = []
    if found.get("CodeSha256") != code_of(zip_contents):
        differences.append("code")
    for name, has, wants in _settings(found, wish):
        if wants is not None and has != wants:
            differences.append(name if isinstance(wants, dict | list) else f"{name} {has} -> {wants}")
    tags = functions.list_tags(Resource=found["FunctionArn"])["Tags"]
    if wish["tags"] is not None and wish["tags"] != {
        k: v for k, v in tags.items() if not k.startswith("aws:")
    }:
        differences.append("tags")
    return Standing(differences=tuple(differences), output={"FunctionArn": found["FunctionArn"]})


def _settings(found: Mapping[str, Any], wish: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """What a function has, and what it is to have; None where Chalice leaves it as it is."""
    tracing = found.get("TracingConfig", {}).get("Mode")
    vpc = found.get("VpcConfig", {})
    return [
        ("architecture", found.get("Architectures", ["x86_64"])[0], wish["architecture"]),
        ("timeout", found["Timeout"], wish["timeout"]),
        ("memory", found["MemorySize"], wish["memory_size"]),
        ("runtime", found["Runtime"], wish["runtime"]),
        ("role", found["Role"], wish["role_arn"]),
        ("tracing", tracing, "Active" if wish["xray"] else None),
        ("environment", found.get("Environment", {}).get("Variables", {}), wish["environment_variables"]),
        ("layers", [layer["Arn"] for layer in found.get("Layers", [])], wish["layers"]),
        ("subnets", vpc.get("SubnetIds", []), wish["subnet_ids"]),
        ("security groups", vpc.get("SecurityGroupIds", []), wish["security_group_ids"]),
    ]


def _concurrency(
    client: TypedAWSClient, function_name: str, reserved_concurrent_executions: int | None = None
) -> Standing:
    functions = client._client("lambda")
    try:
        found = functions.get_function_concurrency(FunctionName=function_name)
    except functions.exceptions.ResourceNotFoundException:  # a plan's function, which is not there yet
        found = {}
    has = found.get("ReservedConcurrentExecutions")
    if has == reserved_concurrent_executions:
        return Standing()
    return Standing(differences=(f"reserved concurrency {has} -> {reserved_concurrent_executions}",))


def _policy(client: TypedAWSClient, role_name: str, policy_name: str, policy_document: Any) -> Standing:
    iam = client._client("iam")
    try:
        found = iam.get_role_policy(RoleName=role_name, PolicyName=policy_name)["PolicyDocument"]
    except iam.exceptions.NoSuchEntityException:
        return Standing(differences=("no policy",))
    return Standing() if found == policy_document else Standing(differences=("policy",))


def _permission(client: TypedAWSClient, **wish: Any) -> Standing:
    function = wish.get("function_name") or wish["function_arn"]
    service, source = "events", wish.get("rule_arn")
    if source is None:
        api_id = wish.get("rest_api_id") or wish["api_id"]
        service = "apigateway"
        source = client._build_source_arn_str(wish["region_name"], wish["account_id"], api_id)
    policy = client.get_function_policy(function)
    if client._policy_gives_access(policy, source, service, None):
        return Standing()
    return Standing(differences=(f"may be invoked by {service}",))


# --- Event sources ------------------------------------------------------------------------------


def _mapping(
    client: TypedAWSClient,
    event_uuid: str,
    batch_size: int,
    maximum_batching_window_in_seconds: int | None = 0,
    maximum_concurrency: int | None = None,
) -> Standing:
    found = client._client("lambda").get_event_source_mapping(UUID=event_uuid)
    wanted = {
        "BatchSize": batch_size,
        "MaximumBatchingWindowInSeconds": maximum_batching_window_in_seconds or 0,
        **mapping_options(found["EventSourceArn"]),
    }
    if maximum_concurrency:
        wanted["ScalingConfig"] = {"MaximumConcurrency": maximum_concurrency}
    found.setdefault("MaximumBatchingWindowInSeconds", 0)
    return Standing(
        differences=tuple(key for key, value in wanted.items() if not covers(found.get(key), value))
    )


def _rule(
    client: TypedAWSClient,
    rule_name: str,
    schedule_expression: str | None = None,
    event_pattern: str | None = None,
    rule_description: str | None = None,
) -> Standing:
    events = client._client("events")
    try:
        found = events.describe_rule(Name=rule_name)
    except events.exceptions.ResourceNotFoundException:
        return Standing(differences=("new",))
    wanted = {
        "schedule": (found.get("ScheduleExpression"), schedule_expression),
        "pattern": (found.get("EventPattern"), event_pattern),
        "description": (found.get("Description", ""), rule_description),
        "state": (found["State"], "ENABLED"),
    }
    differences = tuple(
        f"{name} {has} -> {wants}"
        for name, (has, wants) in wanted.items()
        if wants is not None and has != wants
    )
    return Standing(differences=differences, output=found["Arn"])


def _target(client: TypedAWSClient, rule_name: str, function_arn: str) -> Standing:
    events = client._client("events")
    try:
        found = events.list_targets_by_rule(Rule=rule_name)["Targets"]
    except events.exceptions.ResourceNotFoundException:
        return Standing(differences=("new",))
    wanted = {"Id": "1", "Arn": function_arn, **target_options(function_arn)}
    return Standing() if any(covers(each, wanted) for each in found) else Standing(differences=("target",))


# --- APIs ---------------------------------------------------------------------------------------


def _routes(client: TypedAWSClient, rest_api_id: str, swagger_document: Mapping[str, Any]) -> Standing:
    api = client.get_rest_api(rest_api_id)
    wanted = finished(swagger_document)["info"]["description"]
    return Standing() if api.get("description") == wanted else Standing(differences=("routes",))


def _rest_api(client: TypedAWSClient, rest_api_id: str, patch_operations: list[dict[str, str]]) -> Standing:
    api = client.get_rest_api(rest_api_id)
    has = {"/minimumCompressionSize": str(api.get("minimumCompressionSize", ""))}
    for kind in api["endpointConfiguration"]["types"]:
        has[f"/endpointConfiguration/types/{kind}"] = kind
    return Standing(
        differences=tuple(
            f"{each['path'].rpartition('/')[2]} -> {each['value']}"
            for each in patch_operations
            if has.get(each["path"]) != str(each["value"] or "")
        )
    )


def _rest_stage(client: TypedAWSClient, rest_api_id: str, api_gateway_stage: str, xray: bool) -> Standing:
    gateway = client._client("apigateway")
    try:
        stage = gateway.get_stage(restApiId=rest_api_id, stageName=api_gateway_stage)
        live = gateway.get_deployment(restApiId=rest_api_id, deploymentId=stage["deploymentId"])
    except gateway.exceptions.NotFoundException:
        return Standing(differences=("new",))
    if live.get("description") == deployment_mark(client.get_rest_api(rest_api_id), bool(xray)):
        return Standing()
    return Standing(differences=("deployment",))


def _integration(client: TypedAWSClient, api_id: str, lambda_function: str, **_: Any) -> Standing:
    found = client._client("apigatewayv2").get_integrations(ApiId=api_id)["Items"]
    for each in found:
        if each.get("IntegrationUri") == lambda_function:
            return Standing(output=each["IntegrationId"])
    return Standing(differences=("integration",))


def _route(client: TypedAWSClient, api_id: str, route_key: str, integration_id: str) -> Standing:
    found = client._client("apigatewayv2").get_routes(ApiId=api_id)["Items"]
    wanted = {"RouteKey": route_key, "Target": f"integrations/{integration_id}"}
    return Standing() if any(covers(each, wanted) for each in found) else Standing(differences=("route",))


def _kept(_client: TypedAWSClient, **_: Any) -> Standing:
    """Chalice removes all routes of the WebSocket API and makes them again. They are kept instead."""
    return Standing()


_LOOKS: Final[Mapping[str, Callable[..., Standing]]] = {
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
