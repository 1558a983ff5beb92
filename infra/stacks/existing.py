"""Finds resources that a deleted stack retained, so that the new stack can import them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from infra import APP_NAME, Clients
from infra.stacks.templates import physical_name


def existing_resources(
    clients: Clients, template: Mapping[str, Any], stage: str
) -> dict[str, dict[str, str]]:
    """Map logical names to the identifiers by which CloudFormation imports the resources."""
    existing = {
        "AWS::DynamoDB::Table": _tables(clients),
        "AWS::SQS::Queue": _queues(clients, stage),
        "AWS::SNS::Topic": _topics(clients),
        "AWS::Logs::LogGroup": _log_groups(clients, stage),
    }
    identifiers = {}
    for logical_name, resource in template["Resources"].items():
        name = physical_name(resource, stage)
        if name is not None and name in existing[resource["Type"]]:
            identifiers[logical_name] = existing[resource["Type"]][name]
    return identifiers


def _tables(clients: Clients) -> dict[str, dict[str, str]]:
    pages = clients("dynamodb").get_paginator("list_tables").paginate()
    return {name: {"TableName": name} for page in pages for name in page["TableNames"]}


def _queues(clients: Clients, stage: str) -> dict[str, dict[str, str]]:
    pages = clients("sqs").get_paginator("list_queues").paginate(QueueNamePrefix=f"{APP_NAME}-{stage}-")
    urls = [url for page in pages for url in page.get("QueueUrls", [])]
    return {url.rpartition("/")[2]: {"QueueUrl": url} for url in urls}


def _topics(clients: Clients) -> dict[str, dict[str, str]]:
    pages = clients("sns").get_paginator("list_topics").paginate()
    arns = [topic["TopicArn"] for page in pages for topic in page["Topics"]]
    return {arn.rpartition(":")[2]: {"TopicArn": arn} for arn in arns}


def _log_groups(clients: Clients, stage: str) -> dict[str, dict[str, str]]:
    paginator = clients("logs").get_paginator("describe_log_groups")
    pages = paginator.paginate(logGroupNamePrefix=f"/aws/lambda/{APP_NAME}-{stage}")
    names = [group["logGroupName"] for page in pages for group in page["logGroups"]]
    return {name: {"LogGroupName": name} for name in names}
