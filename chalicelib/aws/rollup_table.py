"""Counts per owner and minute, added up by the stream handler. Approximate: a repeated batch counts again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from chalicelib.aws.task_row import encode

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

KEPT = timedelta(days=7)


class RollupTable:
    """The rollups table."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    def add(self, owner: str, minute: datetime, counts: Mapping[str, int]) -> None:
        """Add `counts` to the owner's minute."""
        names = {f"#{name}": name for name in counts}
        self._client.update_item(
            TableName=self._table,
            Key={"pk": {"S": owner}, "sk": {"S": _minute(minute)}},
            UpdateExpression="SET #ttl = :ttl ADD " + ", ".join(f"#{name} :{name}" for name in counts),
            ExpressionAttributeNames={**names, "#ttl": "ttl"},
            ExpressionAttributeValues={
                **{f":{name}": {"N": str(count)} for name, count in counts.items()},
                ":ttl": encode("ttl", minute + KEPT),
            },
        )

    def since(self, owner: str, minute: datetime) -> dict[str, dict[str, int]]:
        """The owner's counts by minute (RFC 3339), from `minute` on; minutes without any are left out."""
        found: dict[str, dict[str, int]] = {}
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="pk = :owner AND sk >= :minute",
            ExpressionAttributeValues={":owner": {"S": owner}, ":minute": {"S": _minute(minute)}},
        )
        for page in pages:
            for row in page["Items"]:
                found[row["sk"]["S"]] = {
                    name: int(value["N"]) for name, value in row.items() if name not in ("pk", "sk", "ttl")
                }
        return found


def _minute(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:00Z")
