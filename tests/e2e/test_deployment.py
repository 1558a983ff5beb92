"""The result of a deployment on the emulator: safe mappings, rows that expire, every route."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest

from infra.deployer import swagger
from tests.e2e.conftest import Service

PREFIX = "task-service-local"
TABLES = ("tasks", "documents", "connections", "rollups")


def mapping(service: Service, function: str) -> dict[str, Any]:
    response = service.client("lambda").list_event_source_mappings(FunctionName=f"{PREFIX}-{function}")
    (only,) = response["EventSourceMappings"]
    return dict(only)


@pytest.mark.parametrize("function", ["run_tasks", "run_long_tasks", "push_updates"])
def test_no_mapping_loses_the_failed_part_of_a_batch(service: Service, function: str) -> None:
    assert mapping(service, function)["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_the_stream_mapping_reads_the_current_stream_of_the_table(service: Service) -> None:
    table = service.client("dynamodb").describe_table(TableName=f"{PREFIX}-tasks")["Table"]
    assert mapping(service, "push_updates")["EventSourceArn"] == table["LatestStreamArn"]


def test_a_redeployment_keeps_mappings_and_addresses_and_reverts_manual_changes(
    service: Service,
) -> None:
    functions = service.client("lambda")
    before = mapping(service, "run_tasks")
    functions.update_event_source_mapping(UUID=before["UUID"], FunctionResponseTypes=[])
    assert replace(service.stage.deploy(), token=service.endpoints.token) == service.endpoints
    after = mapping(service, "run_tasks")
    assert after["UUID"] == before["UUID"]
    assert after["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


@pytest.mark.parametrize("table", TABLES)
def test_old_rows_expire(service: Service, table: str) -> None:
    expiry = service.client("dynamodb").describe_time_to_live(TableName=f"{PREFIX}-{table}")
    assert expiry["TimeToLiveDescription"] == {"TimeToLiveStatus": "ENABLED", "AttributeName": "ttl"}


def test_the_deployment_package_contains_the_app_only(service: Service) -> None:
    package = service.client("lambda").get_function(FunctionName=f"{PREFIX}-sweep")["Code"]["Location"]
    names = package_names(service, package)
    assert "app.py" in names
    assert {name.partition("/")[0] for name in names} <= {"app.py", "chalicelib", "chalice"}


def package_names(service: Service, url: str) -> set[str]:
    parts = urlsplit(url)
    server = HTTPConnection(parts.netloc, timeout=10)
    server.request("GET", f"{parts.path}?{parts.query}")
    content = server.getresponse().read()
    server.close()
    return set(zipfile.ZipFile(io.BytesIO(content)).namelist())


def test_routes_that_are_gone_are_removed_and_new_ones_are_added(service: Service) -> None:
    gateway = service.client("apigateway")
    api_id = swagger.create_api(gateway, document("/old", "/kept/{id}"), "REGIONAL")
    swagger.replace_routes(gateway, api_id, document("/kept/{id}", "/kept/{id}/new"))
    resources = gateway.get_resources(restApiId=api_id, limit=500)["items"]
    routes = {item["path"]: set(item.get("resourceMethods", {})) for item in resources}
    assert {path: methods for path, methods in routes.items() if methods} == {
        "/kept/{id}": {"GET", "OPTIONS"},
        "/kept/{id}/new": {"GET", "OPTIONS"},
    }
    assert "/old" not in routes
    gateway.delete_rest_api(restApiId=api_id)


def test_a_route_behind_an_authorizer_is_not_open(service: Service) -> None:
    gateway = service.client("apigateway")
    closed = document("/closed")
    closed["paths"]["/closed"]["get"]["security"] = [{"keys": []}]
    closed["securityDefinitions"] = {
        "keys": {"name": "Authorization", "x-amazon-apigateway-authorizer": {"authorizerUri": "arn:aws:x"}}
    }
    api_id = swagger.create_api(gateway, closed, "REGIONAL")
    resources = gateway.get_resources(restApiId=api_id, limit=500)["items"]
    (resource,) = [item for item in resources if item["path"] == "/closed"]
    method = gateway.get_method(restApiId=api_id, resourceId=resource["id"], httpMethod="GET")
    assert method["authorizationType"] == "CUSTOM"
    (authorizer,) = gateway.get_authorizers(restApiId=api_id)["items"]
    assert method["authorizerId"] == authorizer["id"]
    gateway.delete_rest_api(restApiId=api_id)


def document(*paths: str) -> dict[str, Any]:
    """A swagger document as Chalice writes it, with a CORS preflight for each path."""
    headers = {"method.response.header.Access-Control-Allow-Origin": "'*'"}
    preflight = {
        "type": "mock",
        "requestTemplates": {"application/json": '{"statusCode": 200}'},
        "responses": {"default": {"statusCode": "200", "responseParameters": headers}},
    }
    return {
        "info": {"title": "routes", "description": " ".join(paths)},
        "x-amazon-apigateway-binary-media-types": [],
        "paths": {
            path: {
                "get": {"x-amazon-apigateway-integration": {"type": "aws_proxy", "uri": "arn:aws:lambda"}},
                "options": {"x-amazon-apigateway-integration": preflight},
            }
            for path in paths
        },
    }
