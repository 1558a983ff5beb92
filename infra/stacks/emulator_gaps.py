"""What the template says and the emulator's CloudFormation leaves out."""

from __future__ import annotations

from functools import cache

from infra import Clients
from infra.stacks.templates import DATA, load, physical_name


def complete_tables(clients: Clients, stage: str) -> None:
    """Let old rows of the stage's tables expire, and keep backups, as the template says."""
    dynamodb = cache(clients)("dynamodb")
    for resource in load(DATA)["Resources"].values():
        if resource["Type"] != "AWS::DynamoDB::Table":
            continue
        name, properties = physical_name(resource, stage), resource["Properties"]
        expiry = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
        if expiry["TimeToLiveStatus"] == "DISABLED":
            dynamodb.update_time_to_live(
                TableName=name, TimeToLiveSpecification=properties["TimeToLiveSpecification"]
            )
        if "PointInTimeRecoverySpecification" in properties:
            dynamodb.update_continuous_backups(
                TableName=name,
                PointInTimeRecoverySpecification=properties["PointInTimeRecoverySpecification"],
            )
