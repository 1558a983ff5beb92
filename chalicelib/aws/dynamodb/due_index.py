"""The due index: live tasks, and failed ones whose dead letter is not sent yet. The sweep reads it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from chalicelib.aws.dynamodb.items import moment, number, pages
from chalicelib.aws.dynamodb.task_row import owner_of

if TYPE_CHECKING:
    from chalicelib.aws.sdk.protocols import DynamoDB

#: Rows of a page.
PAGE = 100


class DueIndex:
    """The keys of due tasks, the soonest first. An index lags, so the sweep reads each row again."""

    def __init__(self, client: DynamoDB, table: str, index: str = "due") -> None:
        self._client = client
        self._table = table
        self._index = index

    def until(self, bucket: int, latest: datetime) -> Iterator[list[tuple[str, str]]]:
        """Pages of (owner, task id) of one bucket with `due_at` up to `latest`."""
        found = pages(
            self._client,
            TableName=self._table,
            IndexName=self._index,
            KeyConditionExpression="due_bucket = :bucket AND due_at <= :moment",
            ExpressionAttributeValues={
                ":bucket": number(bucket),
                ":moment": moment(latest),
            },
            Limit=PAGE,
        )
        for rows in filter(None, found):
            yield [(owner_of(row), row["sk"]["S"]) for row in rows]
