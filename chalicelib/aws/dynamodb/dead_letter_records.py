"""The records of dead letters, in the tasks table."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import TYPE_CHECKING

from chalicelib.aws.dynamodb.items import Row, moment, number, text, ttl
from chalicelib.domain.dead_letters import DeadLetterRecord

if TYPE_CHECKING:
    from chalicelib.aws.sdk.protocols import DynamoDB

#: Records of one owner are spread over this many partitions, by the hash of their key.
_BUCKETS = 4


class DeadLetterRecords:
    """One record for each dead letter key."""

    def __init__(self, client: DynamoDB, table: str, keep: timedelta) -> None:
        self._client = client
        self._table = table
        self._keep = keep

    def has(self, record: DeadLetterRecord) -> bool:
        """Is this dead letter recorded? Read consistently."""
        answer = self._client.get_item(
            TableName=self._table, Key=_key(record), ConsistentRead=True, ProjectionExpression="pk"
        )
        return "Item" in answer

    def put(self, record: DeadLetterRecord) -> bool:
        """Store a record. False when it exists already."""
        item: Row = {
            **_key(record),
            **{
                name: text(getattr(record, name))
                for name in ("kind", "type", "error_type", "message", "failed_at", "owner")
            },
            "attempt": number(record.attempt),
            "recorded_at": moment(record.recorded_at),
            "ttl": ttl(record.recorded_at + self._keep),
        }
        try:
            self._client.put_item(
                TableName=self._table, Item=item, ConditionExpression="attribute_not_exists(pk)"
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return False
        return True


def partitions(owner: str) -> list[str]:
    """The partitions of an owner's records. Quarantined messages have the owner ""."""
    return [f"dead#{owner}#{bucket:02x}" for bucket in range(_BUCKETS)]


def _key(record: DeadLetterRecord) -> Row:
    bucket = hashlib.sha256(record.key.encode()).digest()[0] % _BUCKETS
    return {"pk": text(partitions(record.owner)[bucket]), "sk": text(record.key)}
