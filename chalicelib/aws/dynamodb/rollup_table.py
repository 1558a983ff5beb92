"""The sums of the stream handler: counts per owner and minute, and each owner's open tasks.

Each item stores the id of the last batch in each of 16 slots, so a repeated batch is not added again, and an
addition whose response was lost can be retried. The counts are approximate: when a function dies after an
addition, Lambda delivers the batch again in halves, under other ids.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from chalicelib.aws.dynamodb.items import Row, names, number, pages, text, ttl
from chalicelib.aws.dynamodb.limit_table import LIMITS_KEY

if TYPE_CHECKING:
    from chalicelib.aws.sdk.protocols import DynamoDB

KEPT = timedelta(days=7)


class RollupTable:
    """The rollups table. Minutes have a partition apart from the limits, which each POST uses."""

    def __init__(self, client: DynamoDB, table: str) -> None:
        self._client = client
        self._table = table

    def add(self, owner: str, minute: datetime, counts: Mapping[str, int], batch_id: str) -> None:
        """Add the counts of a batch to the owner's minute."""
        key = {"pk": text(_minutes_of(owner)), "sk": text(_minute(minute))}
        self._add(key, counts, batch_id, {"ttl": ttl(minute + KEPT)})

    def add_open(self, owner: str, opened: int, batch_id: str) -> None:
        """Add the tasks that a batch opened, less those that it closed, to the owner's open tasks."""
        self._add({"pk": text(owner), "sk": text(LIMITS_KEY)}, {"open_tasks": opened}, batch_id, {})

    def _add(self, key: Row, counts: Mapping[str, int], batch_id: str, beside: Row) -> None:
        digest = hashlib.sha256(batch_id.encode()).hexdigest()[:16]
        place = f"batch_{digest[0]}"
        put = {**beside, place: text(digest)}
        added = {name: number(count) for name, count in counts.items()}
        sets = ", ".join(f"#{name} = :{name}" for name in put)
        adds = ", ".join(f"#{name} :{name}" for name in added)
        with suppress(self._client.exceptions.ConditionalCheckFailedException):  # the batch was added before
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
        """The owner's counts by minute (RFC 3339), from `minute` on. Empty minutes are left out."""
        found: dict[str, dict[str, int]] = {}
        rows = pages(
            self._client,
            TableName=self._table,
            KeyConditionExpression="pk = :owner AND sk >= :minute",
            ExpressionAttributeValues={
                ":owner": text(_minutes_of(owner)),
                ":minute": text(_minute(minute)),
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
