"""Settings of the template that the emulator's CloudFormation ignores, applied by direct calls."""

from __future__ import annotations

from functools import cache

from infra import Clients
from infra.stacks.templates import DATA, load, physical_name


def complete_tables(clients: Clients, stage: str) -> None:
    """Set time to live and point-in-time recovery of the stage's tables as the template has them."""
    dynamodb = cache(clients)("dynamodb")
    for resource in load(DATA)["Resources"].values():
        if resource["Type"] != "AWS::DynamoDB::Table":
            continue
        name, properties = physical_name(resource, stage), resource["Properties"]
        time_to_live = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
        if time_to_live["TimeToLiveStatus"] == "DISABLED":
            dynamodb.update_time_to_live(
                TableName=name, TimeToLiveSpecification=properties["TimeToLiveSpecification"]
            )
        if "PointInTimeRecoverySpecification" in properties:
            dynamodb.update_continuous_backups(
                TableName=name,
                PointInTimeRecoverySpecification=properties["PointInTimeRecoverySpecification"],
            )
