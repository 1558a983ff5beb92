"""What every table needs of DynamoDB's requests and answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from chalicelib.aws.sdk.client import ServiceError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

#: BatchGetItem takes at most this many keys.
_BATCH_GET_LIMIT = 100


def names(*attributes: str) -> dict[str, str]:
    """Placeholders for attribute names, some of which are reserved words; each is its name after a #."""
    return {f"#{name}": name for name in attributes}


def number(value: int) -> dict[str, str]:
    """A number as an attribute value."""
    return {"N": str(value)}


def refused_row(refusal: Exception) -> dict[str, Any] | None:
    """The row as it was, which DynamoDB sends along with a refusal; None when there is none."""
    assert isinstance(refusal, ServiceError)  # which the types of botocore do not know
    row: dict[str, Any] | None = refusal.response.get("Item")
    return row


def pages(client: DynamoDBClient, **query: Any) -> Iterator[list[dict[str, Any]]]:
    """The items of each page, one after the other; a page may be empty and not the last."""
    while True:
        answer = client.query(**query)
        yield answer["Items"]
        if "LastEvaluatedKey" not in answer:
            return
        query["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


def batch_get(
    client: DynamoDBClient, table: str, keys: Sequence[dict[str, Any]], attributes: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """The items of `keys` that exist, or some `attributes` of them; read consistently, in no order."""
    only: Any = {}
    if attributes:
        placeholders = {f"#{name}": name for name in attributes}
        only = {"ProjectionExpression": ", ".join(placeholders), "ExpressionAttributeNames": placeholders}
    left: list[Any] = list(keys)
    found: list[dict[str, Any]] = []
    while left:
        asked, left = left[:_BATCH_GET_LIMIT], left[_BATCH_GET_LIMIT:]
        wanted: Any = {"Keys": asked, "ConsistentRead": True, **only}
        answer = client.batch_get_item(RequestItems={table: wanted})
        found += answer["Responses"].get(table, [])
        # What did not fit 16 MB, or was throttled, is asked for again.
        if table in answer["UnprocessedKeys"]:
            left += answer["UnprocessedKeys"][table]["Keys"]
    return found
