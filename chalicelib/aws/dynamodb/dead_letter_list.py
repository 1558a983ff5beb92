"""Lists the dead letters of an owner, newest tasks first, together with the quarantined messages."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chalicelib.aws.dynamodb.dead_letter_records import partitions
from chalicelib.aws.dynamodb.items import read_moment, text
from chalicelib.domain.dead_letters import DeadLetterRecord

if TYPE_CHECKING:
    from chalicelib.aws.sdk.protocols import DynamoDB

#: Records that are examined for a page, whatever it holds in the end.
EXAMINED = 400


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordPage:
    """Records in order of their keys, and the key where the next page starts (None: no more)."""

    records: list[DeadLetterRecord]
    position: str | None


class DeadLetterList:
    """The recorded dead letters, page by page."""

    def __init__(self, client: DynamoDB, table: str, threads: Executor) -> None:
        self._client = client
        self._table = table
        self._threads = threads

    def newest(self, owner: str, *, before: str | None, filters: Mapping[str, str]) -> RecordPage:
        """The records with keys below `before` that match `filters` (type, kind).

        Examines a bounded number of records, so a page before the last may be empty.
        """
        keys = [*partitions(owner), *partitions("")]
        share = EXAMINED // len(keys) + 1
        parts = list(self._threads.map(lambda key: self._part(key, before, share, filters), keys))
        # A partition that was not read to its end hides what lies below the last record it examined.
        frontier = max((part.position for part in parts if part.position is not None), default="")
        records = [record for part in parts for record in part.records if record.key >= frontier]
        records.sort(key=lambda record: record.key, reverse=True)
        return RecordPage(records=records, position=frontier or None)

    def _part(self, key: str, before: str | None, limit: int, filters: Mapping[str, str]) -> RecordPage:
        query: dict[str, Any] = {
            "TableName": self._table,
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": {":pk": text(key)},
            "ScanIndexForward": False,
            "Limit": limit,
        }
        if before is not None:
            query["KeyConditionExpression"] += " AND sk < :before"
            query["ExpressionAttributeValues"][":before"] = text(before)
        if filters:
            query["FilterExpression"] = " AND ".join(f"#{name} = :{name}" for name in filters)
            query["ExpressionAttributeNames"] = {f"#{name}": name for name in filters}
            query["ExpressionAttributeValues"] |= {f":{name}": text(filters[name]) for name in filters}
        answer = self._client.query(**query)
        last = answer.get("LastEvaluatedKey")
        return RecordPage(
            records=[_from_item(item) for item in answer["Items"]],
            position=last["sk"]["S"] if last else None,
        )


def _from_item(item: Mapping[str, Any]) -> DeadLetterRecord:
    return DeadLetterRecord(
        key=item["sk"]["S"],
        **{name: item[name]["S"] for name in ("kind", "type", "error_type", "message", "failed_at", "owner")},
        attempt=int(item["attempt"]["N"]),
        recorded_at=read_moment(item["recorded_at"]),
    )
