"""The records of deaths, kept in the tasks table beside the tasks."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import TYPE_CHECKING

from chalicelib.aws.dynamodb.task_row import Row, encode
from chalicelib.domain.dead_letters import DeadLetterRecord

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

#: Records of one owner are spread over this many partitions, by the hash of their key.
_BUCKETS = 4


class DeadLetterRecords:
    """One record a death; the key of a death names its record."""

    def __init__(self, client: DynamoDBClient, table: str, keep: timedelta) -> None:
        self._client = client
        self._table = table
        self._keep = keep

    def has(self, record: DeadLetterRecord) -> bool:
        """Is this death on record? Read consistently."""
        answer = self._client.get_item(
            TableName=self._table, Key=_key(record), ConsistentRead=True, ProjectionExpression="pk"
        )
        return "Item" in answer

    def put(self, record: DeadLetterRecord) -> bool:
        """Record a death; False when another run recorded it first."""
        item: Row = {
            **_key(record),
            **{
                name: {"S": getattr(record, name)}
                for name in ("kind", "type", "error_type", "message", "failed_at", "owner")
            },
            "attempt": {"N": str(record.attempt)},
            "recorded_at": encode("updated_at", record.recorded_at),
            "ttl": encode("ttl", record.recorded_at + self._keep),
        }
        try:
            self._client.put_item(
                TableName=self._table, Item=item, ConditionExpression="attribute_not_exists(pk)"
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return False
        return True


def partitions(owner: str) -> list[str]:
    """The partitions that an owner's records are spread over; those of "" belong to nobody."""
    return [f"dead#{owner}#{bucket:02x}" for bucket in range(_BUCKETS)]


def _key(record: DeadLetterRecord) -> Row:
    bucket = hashlib.sha256(record.key.encode()).digest()[0] % _BUCKETS
    return {"pk": {"S": partitions(record.owner)[bucket]}, "sk": {"S": record.key}}
