"""Creates a REST API from its swagger document call by call: the emulator has no Import- and PutRestApi."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from infra.deployer.gateway_responses import EXTENSION

_INTEGRATION = "x-amazon-apigateway-integration"


def create_api(gateway: Any, document: Mapping[str, Any], endpoint_type: str) -> str:
    """Create a REST API with the routes of `document`; return its id."""
    api = gateway.create_rest_api(
        name=document["info"]["title"],
        binaryMediaTypes=document["x-amazon-apigateway-binary-media-types"],
        endpointConfiguration={"types": [endpoint_type]},
    )
    _add_routes(gateway, api["id"], document)
    return str(api["id"])


def replace_routes(gateway: Any, api_id: str, document: Mapping[str, Any]) -> None:
    """Replace all routes of an API by those of `document`."""
    for resource in gateway.get_resources(restApiId=api_id, limit=500)["items"]:
        for method in resource.get("resourceMethods", {}):
            gateway.delete_method(restApiId=api_id, resourceId=resource["id"], httpMethod=method)
        if resource["path"].count("/") == 1 and resource["path"] != "/":
            gateway.delete_resource(restApiId=api_id, resourceId=resource["id"])
    for authorizer in gateway.get_authorizers(restApiId=api_id)["items"]:
        gateway.delete_authorizer(restApiId=api_id, authorizerId=authorizer["id"])
    _add_routes(gateway, api_id, document)


def _add_routes(gateway: Any, api_id: str, document: Mapping[str, Any]) -> None:
    root = gateway.get_resources(restApiId=api_id)["items"][0]["id"]
    authorizers = _add_authorizers(gateway, api_id, document.get("securityDefinitions", {}))
    resources = {"/": root}
    for path, operations in document["paths"].items():
        resource_id = _add_resource(gateway, api_id, path, resources)
        for method, operation in operations.items():
            target = {"restApiId": api_id, "resourceId": resource_id, "httpMethod": method.upper()}
            _add_method(gateway, target, operation, authorizers)
    for kind, response in document.get(EXTENSION, {}).items():
        gateway.put_gateway_response(restApiId=api_id, responseType=kind, **response)
    # Last, so that the next deployment repeats what an error interrupted.
    fingerprint = {"op": "replace", "path": "/description", "value": document["info"]["description"]}
    gateway.update_rest_api(restApiId=api_id, patchOperations=[fingerprint])


def _add_authorizers(gateway: Any, api_id: str, definitions: Mapping[str, Any]) -> dict[str, str]:
    return {
        name: gateway.create_authorizer(
            restApiId=api_id,
            name=name,
            type="TOKEN",
            authorizerUri=definition["x-amazon-apigateway-authorizer"]["authorizerUri"],
            identitySource=f"method.request.header.{definition['name']}",
            authorizerResultTtlInSeconds=definition["x-amazon-apigateway-authorizer"].get(
                "authorizerResultTtlInSeconds", 300
            ),
        )["id"]
        for name, definition in definitions.items()
    }


def _add_resource(gateway: Any, api_id: str, path: str, resources: dict[str, str]) -> str:
    if path not in resources:
        parent, _, part = path.rpartition("/")
        parent_id = _add_resource(gateway, api_id, parent or "/", resources)
        created = gateway.create_resource(restApiId=api_id, parentId=parent_id, pathPart=part)
        resources[path] = created["id"]
    return resources[path]


def _add_method(
    gateway: Any, target: Mapping[str, str], operation: Mapping[str, Any], authorizers: Mapping[str, str]
) -> None:
    names = [name for requirement in operation.get("security", []) for name in requirement]
    if names:
        gateway.put_method(**target, authorizationType="CUSTOM", authorizerId=authorizers[names[0]])
    else:
        gateway.put_method(**target, authorizationType="NONE")
    integration = operation[_INTEGRATION]
    if integration["type"] == "mock":
        _add_preflight(gateway, target, integration)
    else:
        gateway.put_integration(
            **target, type="AWS_PROXY", integrationHttpMethod="POST", uri=integration["uri"]
        )


def _add_preflight(gateway: Any, target: Mapping[str, str], integration: Mapping[str, Any]) -> None:
    """Let the gateway itself respond to a browser's CORS preflight."""
    headers = integration["responses"]["default"]["responseParameters"]
    gateway.put_integration(**target, type="MOCK", requestTemplates=integration["requestTemplates"])
    gateway.put_method_response(**target, statusCode="200", responseParameters=dict.fromkeys(headers, False))
    gateway.put_integration_response(**target, statusCode="200", responseParameters=headers)
