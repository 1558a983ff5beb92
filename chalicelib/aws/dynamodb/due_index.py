"""The sparse index of everything that the sweep must look at: live tasks and deaths not yet announced."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from chalicelib.aws.dynamodb.items import pages
from chalicelib.aws.dynamodb.task_row import encode, owner_of

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

#: Rows read at once.
PAGE = 100


class DueIndex:
    """Keys of due tasks, soonest first. An index lags: the caller reads each row again, consistently."""

    def __init__(self, client: DynamoDBClient, table: str, index: str = "due") -> None:
        self._client = client
        self._table = table
        self._index = index

    def until(self, bucket: int, moment: datetime) -> Iterator[list[tuple[str, str]]]:
        """Pages of (owner, task id) of one bucket with `due_at` up to `moment`."""
        found = pages(
            self._client,
            TableName=self._table,
            IndexName=self._index,
            KeyConditionExpression="due_bucket = :bucket AND due_at <= :moment",
            ExpressionAttributeValues={
                ":bucket": {"N": str(bucket)},
                ":moment": encode("due_at", moment),
            },
            Limit=PAGE,
        )
        for rows in filter(None, found):
            yield [(owner_of(row), row["sk"]["S"]) for row in rows]
