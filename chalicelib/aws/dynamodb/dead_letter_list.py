"""Lists of an owner's deaths, newest tasks first, together with the messages that belong to nobody."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chalicelib.aws.dynamodb.dead_letter_records import partitions
from chalicelib.aws.dynamodb.task_row import moment_of
from chalicelib.domain.dead_letters import DeadLetterRecord

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

#: Records that are examined for a page, whatever it holds in the end.
EXAMINED = 400


@dataclass(frozen=True, kw_only=True, slots=True)
class Stretch:
    """Deaths in order of their keys, and the key where the next stretch goes on (None: there is no more)."""

    deaths: list[DeadLetterRecord]
    position: str | None


class DeadLetterList:
    """The deaths on record, stretch by stretch."""

    def __init__(self, client: DynamoDBClient, table: str, threads: Executor) -> None:
        self._client = client
        self._table = table
        self._threads = threads

    def newest(self, owner: str, *, before: str | None, filters: Mapping[str, str]) -> Stretch:
        """The deaths with keys below `before` that fit `filters` (type, kind).

        Examines a bounded number of records, so a stretch may be empty before the end.
        """
        keys = [*partitions(owner), *partitions("")]
        share = EXAMINED // len(keys) + 1
        parts = list(self._threads.map(lambda key: self._part(key, before, share, filters), keys))
        # A partition that was not read to its end hides what lies below the last record it examined.
        frontier = max((part.position for part in parts if part.position is not None), default="")
        deaths = [death for part in parts for death in part.deaths if death.key >= frontier]
        deaths.sort(key=lambda death: death.key, reverse=True)
        return Stretch(deaths=deaths, position=frontier or None)

    def _part(self, key: str, before: str | None, limit: int, filters: Mapping[str, str]) -> Stretch:
        query: dict[str, Any] = {
            "TableName": self._table,
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": {":pk": {"S": key}},
            "ScanIndexForward": False,
            "Limit": limit,
        }
        if before is not None:
            query["KeyConditionExpression"] += " AND sk < :before"
            query["ExpressionAttributeValues"][":before"] = {"S": before}
        if filters:
            query["FilterExpression"] = " AND ".join(f"#{name} = :{name}" for name in filters)
            query["ExpressionAttributeNames"] = {f"#{name}": name for name in filters}
            query["ExpressionAttributeValues"] |= {f":{name}": {"S": filters[name]} for name in filters}
        answer = self._client.query(**query)
        last = answer.get("LastEvaluatedKey")
        return Stretch(
            deaths=[_from_item(item) for item in answer["Items"]], position=last["sk"]["S"] if last else None
        )


def _from_item(item: Mapping[str, Any]) -> DeadLetterRecord:
    return DeadLetterRecord(
        key=item["sk"]["S"],
        **{name: item[name]["S"] for name in ("kind", "type", "error_type", "message", "failed_at", "owner")},
        attempt=int(item["attempt"]["N"]),
        recorded_at=moment_of(item["recorded_at"]),
    )
