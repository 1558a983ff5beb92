"""DynamoDB items: how values are written and read, and how many items are read at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chalicelib.aws.sdk.client import ServiceError
    from chalicelib.aws.sdk.protocols import DynamoDB

#: An item, or a part of it, as DynamoDB writes it: {"status": {"S": "queued"}}.
Row = dict[str, Any]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
#: BatchGetItem takes at most this many keys.
_BATCH_GET_LIMIT = 100


def text(value: str) -> dict[str, str]:
    """A string as an attribute."""
    return {"S": value}


def number(value: float) -> dict[str, str]:
    """A number as an attribute."""
    return {"N": repr(value)}


def moment(at: datetime) -> dict[str, str]:
    """A time as an attribute: epoch seconds to the millisecond, which conditions can compare and add to."""
    whole, rest = divmod(milliseconds(at), 1000)
    return {"N": f"{whole}.{rest:03d}"}


def read_moment(attribute: Mapping[str, str]) -> datetime:
    """The time in an attribute."""
    return from_milliseconds(round(float(attribute["N"]) * 1000))


def ttl(at: datetime) -> dict[str, str]:
    """A time as an attribute for DynamoDB's TTL: whole epoch seconds."""
    return {"N": str(milliseconds(at) // 1000)}


def milliseconds(at: datetime) -> int:
    """A time in epoch milliseconds."""
    return (at - _EPOCH) // _MILLISECOND


def from_milliseconds(value: str | int) -> datetime:
    """The time of epoch milliseconds, in UTC."""
    return _EPOCH + int(value) * _MILLISECOND


def names(*attributes: str) -> dict[str, str]:
    """Placeholders for attribute names, some of which are reserved words: each is its name after a #."""
    return {f"#{name}": name for name in attributes}


def refused_row(refusal: ServiceError) -> dict[str, Any] | None:
    """The current row, which DynamoDB returns with a refused condition; None when there is none."""
    row: dict[str, Any] | None = refusal.response.get("Item")
    return row


def pages(client: DynamoDB, **query: Any) -> Iterator[list[Row]]:
    """The items of a query, page by page. A page may be empty and not the last."""
    while True:
        page = client.query(**query)
        yield page["Items"]
        if "LastEvaluatedKey" not in page:
            return
        query["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def batch_get(client: DynamoDB, table: str, keys: Sequence[Row], attributes: Sequence[str] = ()) -> list[Row]:
    """The items of `keys` that exist, or some `attributes` of them. In no order, but consistent."""
    projection: Any = {}
    if attributes:
        placeholders = names(*attributes)
        projection = {
            "ProjectionExpression": ", ".join(placeholders),
            "ExpressionAttributeNames": placeholders,
        }
    remaining: list[Any] = list(keys)
    items: list[Row] = []
    while remaining:
        batch, remaining = remaining[:_BATCH_GET_LIMIT], remaining[_BATCH_GET_LIMIT:]
        request: Any = {"Keys": batch, "ConsistentRead": True, **projection}
        result = client.batch_get_item(RequestItems={table: request})
        items += result["Responses"].get(table, [])
        # Keys are left over when they are throttled, or their items exceed 16 MB.
        if table in result["UnprocessedKeys"]:
            remaining += result["UnprocessedKeys"][table]["Keys"]
    return items
