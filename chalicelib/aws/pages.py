"""Reading everything that a query finds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chalicelib.aws.sdk.protocols import DynamoDB


def pages(client: DynamoDB, **query: Any) -> Iterator[list[dict[str, Any]]]:
    """The items of each page, one after the other; a page may be empty and not the last."""
    while True:
        answer = client.query(**query)
        yield answer["Items"]
        if "LastEvaluatedKey" not in answer:
            return
        query["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
