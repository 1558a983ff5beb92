"""What the stream handler adds up: counts per owner and minute, and each owner's open tasks.

Each item remembers the last batch in each of 16 places, so a copy of a batch is not added again, and an
addition may be sent again whose answer was lost. A function that dies after it added and before it ended,
which has nothing left to do, is another matter: Lambda then delivers the batch in halves. So the counts are
approximate.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from chalicelib.aws.dynamodb.items import names, pages
from chalicelib.aws.dynamodb.limit_table import LIMITS_KEY
from chalicelib.aws.dynamodb.task_row import Row, encode

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

KEPT = timedelta(days=7)


class RollupTable:
    """The rollups table. Minutes have a partition of their own, apart from the limits that each POST asks."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    def add(self, owner: str, minute: datetime, counts: Mapping[str, int], batch_id: str) -> None:
        """Add what a batch counts to the owner's minute."""
        key = {"pk": {"S": _minutes_of(owner)}, "sk": {"S": _minute(minute)}}
        self._add(key, counts, batch_id, {"ttl": encode("ttl", minute + KEPT)})

    def add_open(self, owner: str, opened: int, batch_id: str) -> None:
        """Add what a batch opened, less what it closed, to the owner's open tasks."""
        self._add({"pk": {"S": owner}, "sk": {"S": LIMITS_KEY}}, {"open_tasks": opened}, batch_id, {})

    def _add(self, key: Row, counts: Mapping[str, int], batch_id: str, beside: Row) -> None:
        digest = hashlib.sha256(batch_id.encode()).hexdigest()[:16]
        place = f"batch_{digest[0]}"
        put = {**beside, place: {"S": digest}}
        added = {name: {"N": str(count)} for name, count in counts.items()}
        sets = ", ".join(f"#{name} = :{name}" for name in put)
        adds = ", ".join(f"#{name} :{name}" for name in added)
        with suppress(self._client.exceptions.ConditionalCheckFailedException):  # it was added before
            self._client.update_item(
                TableName=self._table,
                Key=key,
                UpdateExpression=f"SET {sets} ADD {adds}",
                # guard: counts.batch-once
                ConditionExpression=f"attribute_not_exists(#{place}) OR #{place} <> :{place}",
                ExpressionAttributeNames=names(*put, *added),
                ExpressionAttributeValues={f":{name}": value for name, value in {**put, **added}.items()},
            )

    def since(self, owner: str, minute: datetime) -> dict[str, dict[str, int]]:
        """The owner's counts by minute (RFC 3339), from `minute` on; minutes without any are left out."""
        found: dict[str, dict[str, int]] = {}
        rows = pages(
            self._client,
            TableName=self._table,
            KeyConditionExpression="pk = :owner AND sk >= :minute",
            ExpressionAttributeValues={
                ":owner": {"S": _minutes_of(owner)},
                ":minute": {"S": _minute(minute)},
            },
        )
        for page in rows:
            for row in page:
                found[row["sk"]["S"]] = {
                    name: int(value["N"]) for name, value in row.items() if "N" in value and name != "ttl"
                }
        return found


def _minutes_of(owner: str) -> str:
    return f"{owner}#minutes"  # no owner's name has a "#"


def _minute(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:00Z")
