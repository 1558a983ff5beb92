"""Which task types are paused: one item each, in one partition of the tasks table."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from chalicelib.aws.dynamodb.items import pages
from chalicelib.aws.dynamodb.task_row import Row, encode, moment_of
from chalicelib.domain.pauses import Pause

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_PARTITION = {"S": "pauses"}


class PauseTable:
    """The pauses of a stage."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    def all(self) -> list[Pause]:
        """Every pause, and those that ended a moment ago; read consistently."""
        found = pages(
            self._client,
            TableName=self._table,
            KeyConditionExpression="pk = :pauses",
            ExpressionAttributeValues={":pauses": _PARTITION},
            ConsistentRead=True,
        )
        return [_from_item(item) for items in found for item in items]

    def put(self, pause: Pause) -> bool:
        """Store a pause; False when its type is paused already, and stays as it is.

        A late copy of this write does not bring back a pause that has ended since.
        """
        item: Row = {**_key(pause.task_type), "paused_at": encode("updated_at", pause.at)}
        item |= {name: {"S": value} for name, value in (("by", pause.by), ("reason", pause.reason)) if value}
        try:
            self._client.put_item(
                TableName=self._table,
                Item=item,
                ConditionExpression=(
                    "attribute_not_exists(pk) OR attribute_exists(resumed_at)"
                    " AND paused_at <> :now"  # guard: pause.not-the-ended-one
                ),
                ExpressionAttributeValues={":now": item["paused_at"]},
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def end(self, pause: Pause, now: datetime) -> bool:
        """Note that a pause ended; False when it has, or its type has another one by now."""
        try:
            self._client.update_item(
                TableName=self._table,
                Key=_key(pause.task_type),
                UpdateExpression="SET resumed_at = :now",
                ConditionExpression=(
                    "paused_at = :seen"  # guard: resume.pause-seen
                    " AND attribute_not_exists(resumed_at)"
                ),
                ExpressionAttributeValues={
                    ":seen": encode("updated_at", pause.at),
                    ":now": encode("updated_at", now),
                },
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def forget(self, ended: Pause) -> None:
        """Remove a pause that ended, unless its type was paused again."""
        assert ended.resumed_at is not None
        try:
            self._client.delete_item(
                TableName=self._table,
                Key=_key(ended.task_type),
                ConditionExpression="attribute_not_exists(pk) OR resumed_at = :seen",
                ExpressionAttributeValues={":seen": encode("updated_at", ended.resumed_at)},
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return


def _key(task_type: str) -> Row:
    return {"pk": _PARTITION, "sk": {"S": task_type}}


def _from_item(item: dict[str, Any]) -> Pause:
    return Pause(
        task_type=item["sk"]["S"],
        at=moment_of(item["paused_at"]),
        by=item["by"]["S"] if "by" in item else None,
        reason=item["reason"]["S"] if "reason" in item else None,
        resumed_at=moment_of(item["resumed_at"]) if "resumed_at" in item else None,
    )
