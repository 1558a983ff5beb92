"""Paused task types, one item each, in one partition of the tasks table."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from chalicelib.aws.dynamodb.items import Row, moment, pages, read_moment, text
from chalicelib.domain.pauses import Pause

if TYPE_CHECKING:
    from chalicelib.aws.sdk.protocols import DynamoDB

_PARTITION = text("pauses")


class PauseTable:
    """The pauses of a stage."""

    def __init__(self, client: DynamoDB, table: str) -> None:
        self._client = client
        self._table = table

    def all(self) -> list[Pause]:
        """All pauses, also those that ended a moment ago. Read consistently."""
        found = pages(
            self._client,
            TableName=self._table,
            KeyConditionExpression="pk = :pauses",
            ExpressionAttributeValues={":pauses": _PARTITION},
            ConsistentRead=True,
        )
        return [_from_item(item) for items in found for item in items]

    def put(self, pause: Pause) -> bool:
        """Store a pause. False when the type is paused already.

        A late copy of this write does not restore a pause that has ended.
        """
        item: Row = {**_key(pause.task_type), "paused_at": moment(pause.at)}
        item |= {name: text(value) for name, value in (("by", pause.by), ("reason", pause.reason)) if value}
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
        """End a pause. False when it ended before, or the type has a newer pause."""
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
                    ":seen": moment(pause.at),
                    ":now": moment(now),
                },
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def forget(self, ended: Pause) -> None:
        """Delete an ended pause, unless the type was paused again."""
        assert ended.resumed_at is not None
        try:
            self._client.delete_item(
                TableName=self._table,
                Key=_key(ended.task_type),
                ConditionExpression="attribute_not_exists(pk) OR resumed_at = :seen",
                ExpressionAttributeValues={":seen": moment(ended.resumed_at)},
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return


def _key(task_type: str) -> Row:
    return {"pk": _PARTITION, "sk": text(task_type)}


def _from_item(item: dict[str, Any]) -> Pause:
    return Pause(
        task_type=item["sk"]["S"],
        at=read_moment(item["paused_at"]),
        by=item["by"]["S"] if "by" in item else None,
        reason=item["reason"]["S"] if "reason" in item else None,
        resumed_at=read_moment(item["resumed_at"]) if "resumed_at" in item else None,
    )
