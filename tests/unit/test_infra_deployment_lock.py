"""A stage is changed by one process at a time; one that was killed keeps nobody waiting for long."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from infra.deployer.deployment_lock import Turn, lock
from infra.errors import BadInput

BEAT, STILL = 0.02, 0.5


@pytest.fixture
def dynamodb() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("dynamodb")
        client.create_table(
            TableName="task-service-dev-connections",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": each, "AttributeType": "S"} for each in ("pk", "sk")],
            KeySchema=[
                {"AttributeName": "pk", "KeyType": "HASH"},
                {"AttributeName": "sk", "KeyType": "RANGE"},
            ],
        )
        yield client


def turn(dynamodb: Any) -> Turn:
    return Turn(dynamodb=dynamodb, stage="dev", beat_seconds=BEAT, still_seconds=STILL)


def test_who_comes_second_is_told_who_was_first(dynamodb: Any) -> None:
    first, lost = turn(dynamodb), threading.Event()
    first.begin()
    beating = threading.Thread(target=first.keep, args=[lost.set])
    beating.start()
    try:
        with pytest.raises(BadInput, match=r"dev is being changed right now, by process .* on .* since"):
            turn(dynamodb).begin()
        assert not lost.is_set()
    finally:
        first.end()
        beating.join()
    turn(dynamodb).begin()


def test_the_row_of_one_that_was_killed_stands_still(dynamodb: Any) -> None:
    killed, follower, lost = turn(dynamodb), turn(dynamodb), threading.Event()
    killed.begin()
    follower.begin()
    killed.keep(lost.set)  # it was asleep only: it stops at once
    assert lost.is_set()
    killed.end()  # and takes nothing from its follower
    row = dynamodb.scan(TableName="task-service-dev-connections")["Items"]
    assert [each["token"]["S"] for each in row] == [follower.token]


def test_in_the_same_checkout_nobody_waits_for_one_that_was_killed(dynamodb: Any) -> None:
    killed = turn(dynamodb)
    killed.begin()
    Turn(dynamodb=dynamodb, stage="dev", still_seconds=3600).begin(before=killed.token)


def test_a_checkout_has_one_turn_at_a_time(dynamodb: Any, tmp_path: Path) -> None:
    first = turn(dynamodb)
    assert lock(tmp_path / "below" / "dev.lock", first) == ""
    with pytest.raises(BadInput, match="dev is being changed from this checkout"):
        lock(tmp_path / "below" / "dev.lock", turn(dynamodb))
    assert lock(tmp_path / "below" / "prod.lock", turn(dynamodb)) == ""
