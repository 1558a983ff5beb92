"""Finds what a stage has on AWS, so that a deployment goes on from there.

Chalice believes its own record, .chalice/deployed/<stage>.json, which it writes at the very end: after a
deployment that was killed, in a fresh clone or on another machine there is none, and Chalice would make
everything twice. All names are fixed, so AWS itself is the better record.
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
#: Names entries of what nothing in the app stands for: Chalice's sweeper deletes those.
_ORPHAN: Final = "orphan:"


def adopt(
    client: TypedAWSClient, stage: str, wanted: Sequence[models.Model], record: Sequence[Mapping[str, Any]]
) -> list[Entry]:
    """The stage's resources in the words of Chalice's record, in the order in which they need each other.

    `wanted` are the app's own; whatever else the stage has is listed, too, and so deleted by Chalice. Domains
    have no fixed names: one that is wanted no longer is found in `record`, Chalice's own.
    Raises: BadInput when two APIs of the stage's name exist, or the stage lives in another region.
    """
    functions = dict(_functions(client, stage, wanted))
    return [
        *_roles(client, stage, wanted),
        *(
            {"resource_type": "lambda_function", "name": name, "lambda_arn": arn}
            for name, arn in functions.items()
        ),
        *_mappings(client, functions, wanted),
        *_rules(client, stage, wanted),
        *_rest_apis(client, stage),
        *_websocket_apis(client, stage),
        *_domains(client, wanted, record),
    ]


def home(region: str) -> str:
    """The description of a role: all regions of an account see it, and it is one region's."""
    return f"{APP_NAME} in {region}"


def _is_of(stage: str, name: str) -> bool:
    return name == f"{APP_NAME}-{stage}" or name.startswith(f"{APP_NAME}-{stage}-")


def _named(wanted: Sequence[Any], kind: Any, attribute: str) -> dict[str, str]:
    """Chalice's names of the app's own resources of a kind, by the names that they have on AWS."""
    return {getattr(each, attribute): each.resource_name for each in wanted if isinstance(each, kind)}


def _roles(client: TypedAWSClient, stage: str, wanted: Sequence[models.Model]) -> Iterator[Entry]:
    known = _named(wanted, models.ManagedIAMRole, "role_name")
    here = home(client.region_name)
    for page in client._client("iam").get_paginator("list_roles").paginate():
        for role in page["Roles"]:
            name = role["RoleName"]
            elsewhere = role.get("Description", "").startswith(home("")) and role["Description"] != here
            if elsewhere and name in known:
                raise BadInput(
                    f"The role {name} is that of another region ({role['Description']}), and roles are the "
                    "whole account's: give the stage another name here, or take it down there."
                )
            if _is_of(stage, name) and not elsewhere:
                yield {
                    "resource_type": "iam_role",
                    "name": known.get(name, f"{_ORPHAN}role:{name}"),
                    "role_name": name,
                    "role_arn": role["Arn"],
                }


def _functions(
    client: TypedAWSClient, stage: str, wanted: Sequence[models.Model]
) -> Iterator[tuple[str, str]]:
    known = _named(wanted, models.LambdaFunction, "function_name")
    for page in client._client("lambda").get_paginator("list_functions").paginate():
        for function in page["Functions"]:
            name = function["FunctionName"]
            if _is_of(stage, name):
                yield known.get(name, f"{_ORPHAN}function:{name}"), function["FunctionArn"]


def _mappings(
    client: TypedAWSClient, functions: Mapping[str, str], wanted: Sequence[models.Model]
) -> Iterator[Entry]:
    sources = [
        each for each in wanted if isinstance(each, models.SQSEventSource | models.DynamoDBEventSource)
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
    """An orphan when it reads something else than the app says: a queue or stream of another name or time."""
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
        # Chalice compares it with what app.py says.
        entry |= {"resource_type": "dynamodb_event", "stream_arn": source.stream_arn if is_known else arn}
    return {**entry, "name": source.resource_name if is_known else _ORPHAN + mapping["UUID"]}


def _rules(client: TypedAWSClient, stage: str, wanted: Sequence[models.Model]) -> Iterator[Entry]:
    known = _named(wanted, models.ScheduledEvent, "rule_name")
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
    finished = [each for each in ids if gateway.get_stages(ApiId=each)["Items"]]
    _refuse_two(finished, "WebSocket APIs", websocket_api_name(stage))
    for api_id in ids:
        # Without a stage it was never reachable, and Chalice gives a stage to a new API only.
        name = "websocket_api" if api_id in finished else _ORPHAN + api_id
        yield {"resource_type": "websocket_api", "name": name, "websocket_api_id": api_id}


def _domains(
    client: TypedAWSClient, wanted: Sequence[models.Model], record: Sequence[Mapping[str, Any]]
) -> Iterator[Entry]:
    recorded = {entry["name"]: dict(entry) for entry in record if entry["resource_type"] == "domain_name"}
    yield from recorded.values()
    for each in wanted:
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
            f"The name {name} is taken: there are {len(ids)} {kind} of it ({', '.join(ids)}). "
            "Delete those that nobody uses."
        )
