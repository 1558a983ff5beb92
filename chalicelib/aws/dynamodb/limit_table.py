"""Rate limits and open tasks of an owner: one small item beside the owner's rollups.

The rate is a token bucket stored as one number (the generic cell rate algorithm, ITU-T I.371): `full_at` is
the time when the bucket is full again. Taking n tokens adds n intervals to it. A take is refused when
`full_at` would be further ahead than the bucket is deep. So a take needs one or two conditional writes, and
no read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from chalicelib.aws.dynamodb.items import Row, number, refused_row, text

if TYPE_CHECKING:
    from chalicelib.aws.sdk.protocols import DynamoDB

#: Sorts before every minute of the rollups.
LIMITS_KEY = "#limits"
#: The sort key of the bucket of waiting time.
WAITS_KEY = "#waits"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Usage:
    """The item after a take, granted or not."""

    full_at: datetime
    open_tasks: int  #: approximate: the stream handler counts them


class LimitTable:
    """Buckets and counts by owner."""

    def __init__(self, client: DynamoDB, table: str, key: str = LIMITS_KEY) -> None:
        self._client = client
        self._table = table
        self._key = key

    def take(
        self, owner: str, now: datetime, cost: timedelta, depth: timedelta, *, in_use: bool = False
    ) -> tuple[bool, Usage]:
        """Take `cost` from a bucket that is `depth` deep. Returns whether it was granted, and the usage.

        A full bucket grants any take, also one larger than the bucket; then it is in debt until it refills.
        One request is enough if `in_use` is right about the bucket: False for a full one, True otherwise.
        """
        # DynamoDB adds to the stored value, so simultaneous takes do not conflict.
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
        """Return tokens that were not used."""
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
                Key={"pk": text(owner), "sk": text(self._key)},
                UpdateExpression=expression,
                ConditionExpression=condition,
                ExpressionAttributeValues={name: number(value) for name, value in values.items()},
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except self._client.exceptions.ConditionalCheckFailedException as refusal:
            return False, _usage(refused_row(refusal) or {})
        return True, _usage(answer["Attributes"])


def _usage(row: Row) -> Usage:
    full_at, open_tasks = (int(row.get(name, number(0))["N"]) for name in ("full_at", "open_tasks"))
    return Usage(full_at=_EPOCH + full_at * _MICROSECOND, open_tasks=open_tasks)


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND
