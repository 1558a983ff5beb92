"""What an owner has used of its limits: one small item an owner, beside its rollups.

The rate is a bucket kept as one number (the generic cell rate algorithm, ITU-T I.371): `full_at` is when
the bucket will be full again. Taking n tokens moves it n intervals on, and is refused when it would lie
further ahead than the whole bucket is deep. So a take is one conditional write, or two, and needs no read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from chalicelib.aws.dynamodb.items import refused_row
from chalicelib.aws.dynamodb.task_row import Row

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

#: Sorts before every minute of the rollups.
LIMITS_KEY = "#limits"
#: The bucket of waiting time is an item of its own.
WAITS_KEY = "#waits"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Usage:
    """What the item says after a take, or instead of one."""

    full_at: datetime
    open_tasks: int  #: about; the stream handler counts


class LimitTable:
    """Buckets and counts by owner."""

    def __init__(self, client: DynamoDBClient, table: str, key: str = LIMITS_KEY) -> None:
        self._client = client
        self._table = table
        self._key = key

    def take(
        self, owner: str, now: datetime, cost: timedelta, depth: timedelta, *, in_use: bool = False
    ) -> tuple[bool, Usage]:
        """Take `cost` from a bucket that is `depth` deep; was it granted, and the usage as it is now.

        A full bucket gives everybody one take, even of more than it holds, and is in debt until it is paid.
        One request is enough for a bucket that is `in_use` as the caller thinks, and for a full one if not.
        """
        # Not full: on from where it is, by DynamoDB's own arithmetic, so that takers need not take turns.
        values = {":cost": cost // _MICROSECOND, ":latest": _microseconds(now + depth - cost)}
        further, fits = "SET full_at = full_at + :cost", "full_at <= :latest"
        if in_use:
            values_now = {**values, ":now": _microseconds(now)}
            granted, usage = self._write(owner, further, f"full_at > :now AND {fits}", values_now)
            if granted or usage.full_at > now:
                return granted, usage
        granted, usage = self._write(
            owner,
            "SET full_at = :then",
            "attribute_not_exists(full_at) OR full_at <= :now",
            {":now": _microseconds(now), ":then": _microseconds(now + cost)},
        )
        return (True, usage) if granted else self._write(owner, further, fits, values)

    def give_back(self, owner: str, cost: timedelta) -> None:
        """Put back what was taken and not used."""
        self._write(
            owner,
            "SET full_at = full_at - :cost",
            "attribute_exists(full_at)",
            {":cost": cost // _MICROSECOND},
        )

    def _write(
        self, owner: str, expression: str, condition: str, values: Mapping[str, int]
    ) -> tuple[bool, Usage]:
        try:
            answer = self._client.update_item(
                TableName=self._table,
                Key={"pk": {"S": owner}, "sk": {"S": self._key}},
                UpdateExpression=expression,
                ConditionExpression=condition,
                ExpressionAttributeValues={name: {"N": str(value)} for name, value in values.items()},
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except self._client.exceptions.ConditionalCheckFailedException as refusal:
            return False, _usage(refused_row(refusal) or {})
        return True, _usage(answer["Attributes"])


def _usage(row: Row) -> Usage:
    full_at, open_tasks = (int(row.get(name, {"N": "0"})["N"]) for name in ("full_at", "open_tasks"))
    return Usage(full_at=_EPOCH + full_at * _MICROSECOND, open_tasks=open_tasks)


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND
