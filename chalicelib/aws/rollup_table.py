"""Counts per owner and minute, added up by the stream handler. Approximate: it may see a change twice."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from chalicelib.aws.limit_table import LIMITS_KEY
from chalicelib.aws.pages import pages
from chalicelib.aws.task_row import encode

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

KEPT = timedelta(days=7)


class RollupTable:
    """The rollups table."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    def add(
        self, owner: str, minutes: Mapping[datetime, Mapping[str, int]], opened: int, batch_id: str
    ) -> None:
        """Add counts to the owner's minutes, and `opened` to its open tasks.

        DynamoDB knows a copy of `batch_id` for ten minutes, and does not add it again.
        """
        items = [self._minute(owner, minute, counts) for minute, counts in minutes.items() if counts]
        if opened:
            items.append(
                {
                    "Update": {
                        "TableName": self._table,
                        "Key": {"pk": {"S": owner}, "sk": {"S": LIMITS_KEY}},
                        "UpdateExpression": "ADD open_tasks :opened",
                        "ExpressionAttributeValues": {":opened": {"N": str(opened)}},
                    }
                }
            )
        if items:
            token = hashlib.sha256(f"{owner}\0{batch_id}".encode()).hexdigest()[:36]
            self._client.transact_write_items(TransactItems=items, ClientRequestToken=token)

    def _minute(self, owner: str, minute: datetime, counts: Mapping[str, int]) -> TransactWriteItemTypeDef:
        return {
            "Update": {
                "TableName": self._table,
                "Key": {"pk": {"S": owner}, "sk": {"S": _minute(minute)}},
                "UpdateExpression": "SET #ttl = :ttl ADD " + ", ".join(f"#{name} :{name}" for name in counts),
                "ExpressionAttributeNames": {"#ttl": "ttl", **{f"#{name}": name for name in counts}},
                "ExpressionAttributeValues": {
                    **{f":{name}": {"N": str(count)} for name, count in counts.items()},
                    ":ttl": encode("ttl", minute + KEPT),
                },
            }
        }

    def since(self, owner: str, minute: datetime) -> dict[str, dict[str, int]]:
        """The owner's counts by minute (RFC 3339), from `minute` on; minutes without any are left out."""
        found: dict[str, dict[str, int]] = {}
        rows = pages(
            self._client,
            TableName=self._table,
            KeyConditionExpression="pk = :owner AND sk >= :minute",
            ExpressionAttributeValues={":owner": {"S": owner}, ":minute": {"S": _minute(minute)}},
        )
        for page in rows:
            for row in page:
                found[row["sk"]["S"]] = {
                    name: int(value["N"]) for name, value in row.items() if name not in ("pk", "sk", "ttl")
                }
        return found


def _minute(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:00Z")
