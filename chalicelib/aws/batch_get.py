"""Reading many items by key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chalicelib.aws.sdk.protocols import DynamoDB

#: BatchGetItem takes at most this many keys.
_LIMIT = 100


def batch_get(
    client: DynamoDB, table: str, keys: Sequence[dict[str, Any]], attributes: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """The items of `keys` that exist, or some `attributes` of them; read consistently, in no order."""
    only: Any = {}
    if attributes:
        placeholders = {f"#{name}": name for name in attributes}
        only = {"ProjectionExpression": ", ".join(placeholders), "ExpressionAttributeNames": placeholders}
    left: list[Any] = list(keys)
    found: list[dict[str, Any]] = []
    while left:
        asked, left = left[:_LIMIT], left[_LIMIT:]
        wanted: Any = {"Keys": asked, "ConsistentRead": True, **only}
        answer = client.batch_get_item(RequestItems={table: wanted})
        found += answer["Responses"].get(table, [])
        # What did not fit 16 MB, or was throttled, is asked for again.
        if table in answer["UnprocessedKeys"]:
            left += answer["UnprocessedKeys"][table]["Keys"]
    return found
