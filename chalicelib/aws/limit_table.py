"""What an owner has used of its limits: one small item an owner, beside its rollups.

The rate is a bucket kept as one number (the generic cell rate algorithm, ITU-T I.371): `full_at` is when
the bucket will be full again. Taking n tokens moves it n intervals on, and is refused when it would lie
further ahead than the whole bucket is deep. So a take is one conditional write and needs no read.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from chalicelib.aws.task_row import Row, encode, moment_of

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

#: Sorts before every minute of the rollups.
LIMITS_KEY = "#limits"


@dataclass(frozen=True, kw_only=True, slots=True)
class Usage:
    """What the item says after a take, or instead of one."""

    full_at: datetime | None
    open_tasks: int  #: about; the stream handler counts


class LimitTable:
    """Buckets and counts by owner."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    def take(self, owner: str, now: datetime, cost: timedelta, depth: timedelta) -> tuple[bool, Usage]:
        """Take `cost` from a bucket that is `depth` deep; was it granted, and the usage as it is now."""
        full = "(attribute_not_exists(full_at) OR full_at <= :now)"
        granted, usage = self._write(owner, "SET full_at = :then", full, {":now": now, ":then": now + cost})
        while not granted and usage.full_at is not None:
            if usage.full_at + cost > now + depth:
                return False, usage
            # Not full, but deep enough: on from where it is, unless somebody else took meanwhile.
            values = {":then": usage.full_at + cost, ":seen": usage.full_at}
            granted, usage = self._write(owner, "SET full_at = :then", "full_at = :seen", values)
        return granted, usage

    def _write(
        self, owner: str, expression: str, condition: str, values: dict[str, datetime]
    ) -> tuple[bool, Usage]:
        try:
            answer = self._client.update_item(
                TableName=self._table,
                Key={"pk": {"S": owner}, "sk": {"S": LIMITS_KEY}},
                UpdateExpression=expression,
                ConditionExpression=condition,
                ExpressionAttributeValues={
                    name: encode("updated_at", value) for name, value in values.items()
                },
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except self._client.exceptions.ConditionalCheckFailedException as refusal:
            return False, _usage(_refused_row(refusal))
        return True, _usage(answer["Attributes"])


def _refused_row(refusal: ClientError) -> Row:
    response: Any = refusal.response
    row: Row = response.get("Item") or {}
    return row


def _usage(row: Row) -> Usage:
    full_at = row.get("full_at")
    return Usage(
        full_at=None if full_at is None else moment_of(full_at),
        open_tasks=int(row.get("open_tasks", {"N": "0"})["N"]),
    )
