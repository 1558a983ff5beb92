"""One process deploys a stage at a time; the lock of a killed process is soon free."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from infra.deployer.deployment_lock import DeploymentLock, lock_checkout
from infra.errors import BadInput

HEARTBEAT, STALE_AFTER = timedelta(milliseconds=20), timedelta(milliseconds=500)
TABLE = "task-service-dev-connections"


@pytest.fixture
def dynamodb() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("dynamodb")
        client.create_table(
            TableName=TABLE,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": each, "AttributeType": "S"} for each in ("pk", "sk")],
            KeySchema=[
                {"AttributeName": "pk", "KeyType": "HASH"},
                {"AttributeName": "sk", "KeyType": "RANGE"},
            ],
        )
        yield client


def lock(dynamodb: Any) -> DeploymentLock:
    return DeploymentLock(dynamodb=dynamodb, stage="dev", heartbeat=HEARTBEAT, stale_after=STALE_AFTER)


def test_the_second_process_is_refused_and_the_first_is_named(dynamodb: Any) -> None:
    first, lost = lock(dynamodb), threading.Event()
    first.acquire()
    heartbeats = threading.Thread(target=first.keep_alive, args=[lost.set])
    heartbeats.start()
    try:
        with pytest.raises(BadInput, match=r"dev is being changed by process .* on .* since"):
            lock(dynamodb).acquire()
        assert not lost.is_set()
    finally:
        first.release()
        heartbeats.join()
    lock(dynamodb).acquire()


def test_a_stale_heartbeat_frees_the_lock(dynamodb: Any) -> None:
    stalled, next_one, lost = lock(dynamodb), lock(dynamodb), threading.Event()
    stalled.acquire()
    next_one.acquire()
    stalled.keep_alive(lost.set)  # it was only suspended: it must stop at once
    assert lost.is_set()
    stalled.release()  # which must not release the lock of the next process
    rows = dynamodb.scan(TableName=TABLE)["Items"]
    assert [row["token"]["S"] for row in rows] == [next_one.token]


def test_in_the_same_checkout_nobody_waits_for_a_killed_process(dynamodb: Any) -> None:
    killed = lock(dynamodb)
    killed.acquire()
    next_one = DeploymentLock(dynamodb=dynamodb, stage="dev", stale_after=timedelta(hours=1))
    next_one.acquire(previous_token=killed.token)


def test_a_row_of_an_older_version_of_this_program_is_respected(dynamodb: Any) -> None:
    """Given its row, when its heartbeat stands still, then the lock is free; the row keeps its attributes."""
    row = {
        "pk": {"S": "deployment"},
        "sk": {"S": "turn"},
        "token": {"S": "0123456789abcdef"},
        "who": {"S": "by process 7 on laptop since 10:00:00 UTC"},
        "beats": {"N": "3"},
        "ttl": {"N": "1"},
    }
    dynamodb.put_item(TableName=TABLE, Item=row)
    next_one = lock(dynamodb)
    next_one.acquire()
    (current,) = dynamodb.scan(TableName=TABLE)["Items"]
    assert current.keys() == row.keys()
    assert current["token"] == {"S": next_one.token}


def test_a_checkout_has_one_lock_for_each_stage(dynamodb: Any, tmp_path: Path) -> None:
    assert lock_checkout(tmp_path / "below" / "dev.lock", lock(dynamodb)) == ""
    with pytest.raises(BadInput, match="changes the stage dev from this checkout"):
        lock_checkout(tmp_path / "below" / "dev.lock", lock(dynamodb))
    assert lock_checkout(tmp_path / "below" / "prod.lock", lock(dynamodb)) == ""
