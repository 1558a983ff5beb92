"""Finds a stage's resources on AWS, so that a deployment continues from them.

Chalice relies on its own record, .chalice/deployed/<stage>.json, and writes it at the end of a deployment.
After a killed deployment, in a fresh clone or on another machine the record is missing, and Chalice would
create everything twice. All names are fixed, so AWS itself is the better record.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from chalice.awsclient import TypedAWSClient
from chalice.deploy import models

from infra import APP_NAME
from infra.deployer.event_sources import latest_stream
from infra.errors import BadInput
from infra.names import rest_api_name, websocket_api_name

Entry = dict[str, Any]
#: Prefix of entries for resources that the app does not have: Chalice's sweeper deletes them.
_ORPHAN: Final = "orphan:"


def adopt(
    client: TypedAWSClient,
    stage: str,
    app_resources: Sequence[models.Model],
    record: Sequence[Mapping[str, Any]],
) -> list[Entry]:
    """Return the stage's resources in the format of Chalice's record, ordered by their dependencies.

    Resources of the stage that are not in `app_resources` are returned, too: Chalice deletes them. Domains
    have no fixed names: a domain that the app no longer has is found in `record`, which is Chalice's own.
    Raises: BadInput when two APIs have the stage's name, or the stage is deployed in another region.
    """
    functions = dict(_functions(client, stage, app_resources))
    return [
        *_roles(client, stage, app_resources),
        *(
            {"resource_type": "lambda_function", "name": name, "lambda_arn": arn}
            for name, arn in functions.items()
        ),
        *_mappings(client, functions, app_resources),
        *_rules(client, stage, app_resources),
        *_rest_apis(client, stage),
        *_websocket_apis(client, stage),
        *_domains(client, app_resources, record),
    ]


def role_description(region: str) -> str:
    """Return a role's description. It names the region, because roles are shared by all regions."""
    return f"{APP_NAME} in {region}"


def _belongs_to(stage: str, name: str) -> bool:
    return name == f"{APP_NAME}-{stage}" or name.startswith(f"{APP_NAME}-{stage}-")


def _named(app_resources: Sequence[Any], kind: Any, attribute: str) -> dict[str, str]:
    """Map names on AWS to Chalice's names, for the app's resources of one kind."""
    return {getattr(each, attribute): each.resource_name for each in app_resources if isinstance(each, kind)}


def _roles(client: TypedAWSClient, stage: str, app_resources: Sequence[models.Model]) -> Iterator[Entry]:
    known = _named(app_resources, models.ManagedIAMRole, "role_name")
    here = role_description(client.region_name)
    for page in client._client("iam").get_paginator("list_roles").paginate():
        for role in page["Roles"]:
            name = role["RoleName"]
            description = role.get("Description", "")
            elsewhere = description.startswith(role_description("")) and description != here
            if elsewhere and name in known:
                raise BadInput(
                    f"The role {name} belongs to another region ({description}), and all regions "
                    "share roles: give the stage another name here, or remove it there."
                )
            if _belongs_to(stage, name) and not elsewhere:
                yield {
                    "resource_type": "iam_role",
                    "name": known.get(name, f"{_ORPHAN}role:{name}"),
                    "role_name": name,
                    "role_arn": role["Arn"],
                }


def _functions(
    client: TypedAWSClient, stage: str, app_resources: Sequence[models.Model]
) -> Iterator[tuple[str, str]]:
    known = _named(app_resources, models.LambdaFunction, "function_name")
    for page in client._client("lambda").get_paginator("list_functions").paginate():
        for function in page["Functions"]:
            name = function["FunctionName"]
            if _belongs_to(stage, name):
                yield known.get(name, f"{_ORPHAN}function:{name}"), function["FunctionArn"]


def _mappings(
    client: TypedAWSClient, functions: Mapping[str, str], app_resources: Sequence[models.Model]
) -> Iterator[Entry]:
    sources = [
        each for each in app_resources if isinstance(each, models.SQSEventSource | models.DynamoDBEventSource)
    ]
    known = {each.lambda_function.resource_name: each for each in sources}
    for name, arn in functions.items():
        pages = (
            client._client("lambda").get_paginator("list_event_source_mappings").paginate(FunctionName=arn)
        )
        for mapping in (mapping for page in pages for mapping in page["EventSourceMappings"]):
            if mapping["State"] != "Deleting":
                yield _mapping(client, mapping, arn, known.get(name))


def _mapping(client: TypedAWSClient, mapping: Mapping[str, Any], function: str, source: Any) -> Entry:
    """Return an orphan if the mapping reads another source than the app's: a replaced queue or stream."""
    arn = mapping["EventSourceArn"]
    entry = {"event_uuid": mapping["UUID"], "lambda_arn": function}
    if ":sqs:" in arn:
        queue = arn.rpartition(":")[2]
        is_known = isinstance(source, models.SQSEventSource) and source.queue == queue
        entry |= {"resource_type": "sqs_event", "queue": queue, "queue_arn": arn}
    else:
        is_known = isinstance(source, models.DynamoDBEventSource) and arn == latest_stream(
            client._client("dynamodb"), source.stream_arn
        )
        # Chalice compares this with app.py's ARN.
        entry |= {"resource_type": "dynamodb_event", "stream_arn": source.stream_arn if is_known else arn}
    return {**entry, "name": source.resource_name if is_known else _ORPHAN + mapping["UUID"]}


def _rules(client: TypedAWSClient, stage: str, app_resources: Sequence[models.Model]) -> Iterator[Entry]:
    known = _named(app_resources, models.ScheduledEvent, "rule_name")
    prefix = f"{APP_NAME}-{stage}-"
    for page in client._client("events").get_paginator("list_rules").paginate(NamePrefix=prefix):
        for rule in page["Rules"]:
            name = rule["Name"]
            yield {
                "resource_type": "cloudwatch_event",
                "name": known.get(name, f"{_ORPHAN}rule:{name}"),
                "rule_name": name,
            }


def _rest_apis(client: TypedAWSClient, stage: str) -> Iterator[Entry]:
    pages = client._client("apigateway").get_paginator("get_rest_apis").paginate()
    ids = [api["id"] for page in pages for api in page["items"] if api["name"] == rest_api_name(stage)]
    _refuse_two(ids, "REST APIs", rest_api_name(stage))
    for api_id in ids:
        yield {"resource_type": "rest_api", "name": "rest_api", "rest_api_id": api_id}


def _websocket_apis(client: TypedAWSClient, stage: str) -> Iterator[Entry]:
    gateway = client._client("apigatewayv2")
    pages = gateway.get_paginator("get_apis").paginate()
    ids = [
        api["ApiId"] for page in pages for api in page["Items"] if api["Name"] == websocket_api_name(stage)
    ]
    with_stage = [each for each in ids if gateway.get_stages(ApiId=each)["Items"]]
    _refuse_two(with_stage, "WebSocket APIs", websocket_api_name(stage))
    for api_id in ids:
        # An API without a stage is unreachable, and Chalice creates a stage for a new API only.
        name = "websocket_api" if api_id in with_stage else _ORPHAN + api_id
        yield {"resource_type": "websocket_api", "name": name, "websocket_api_id": api_id}


def _domains(
    client: TypedAWSClient, app_resources: Sequence[models.Model], record: Sequence[Mapping[str, Any]]
) -> Iterator[Entry]:
    recorded = {entry["name"]: dict(entry) for entry in record if entry["resource_type"] == "domain_name"}
    yield from recorded.values()
    for each in app_resources:
        if not isinstance(each, models.DomainName) or each.resource_name in recorded:
            continue
        if client.domain_name_exists_v2(each.domain_name):
            mappings = client._client("apigatewayv2").get_api_mappings(DomainName=each.domain_name)["Items"]
            yield {
                "resource_type": "domain_name",
                "name": each.resource_name,
                "domain_name": each.domain_name,
                "api_mapping": [{"key": f"/{mapping.get('ApiMappingKey', '')}"} for mapping in mappings],
            }


def _refuse_two(ids: Sequence[str], kind: str, name: str) -> None:
    if len(ids) > 1:
        raise BadInput(
            f"The name {name} is ambiguous: {len(ids)} {kind} have it ({', '.join(ids)}). "
            "Delete the unused ones."
        )
