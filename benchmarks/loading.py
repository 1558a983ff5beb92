"""Writes many finished and waiting tasks into the table, bypassing the service."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from itertools import islice
from typing import Any, Final
from urllib.parse import urlsplit

from benchmarks.stage import TASKS, BenchStage
from benchmarks.task_types import TYPES, payload_of
from chalicelib.aws.dynamodb.items import Row, moment
from chalicelib.aws.dynamodb.task_row import row_key, to_row
from chalicelib.bootstrap.timing import timing_of
from chalicelib.domain.documents import Document
from chalicelib.domain.ids import due_bucket_of, new_task_id
from chalicelib.domain.new_task import NewTask
from chalicelib.domain.task import ErrorKind, Task, TaskError, TaskStatus
from chalicelib.settings import Settings

_SETTINGS: Final = Settings(stage="local")
_TIMING: Final = timing_of(_SETTINGS)
_NEW_TASK: Final = NewTask(type="bench.noop", payload=payload_of(200), tags=("bulk",))
_HEADERS: Final = {
    "X-Amz-Target": "DynamoDB_20120810.BatchWriteItem",
    "Content-Type": "application/x-amz-json-1.0",
    # The emulator reads the region here, and does not verify the signature.
    "Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/dynamodb/aws4_request",
}


def load(stage: BenchStage, owners: Iterable[str], seed: int) -> None:
    """Write a task for each owner in turn, 25 a request, over one connection and unsigned."""
    rows = _rows(owners, seed)
    with closing(HTTPConnection(urlsplit(stage.endpoint).netloc)) as server:
        while batch := list(islice(rows, 25)):
            puts = [{"PutRequest": {"Item": row}} for row in batch]
            server.request("POST", "/", json.dumps({"RequestItems": {TASKS: puts}}).encode(), _HEADERS)
            response: Any = json.loads(server.getresponse().read())
            assert response.get("UnprocessedItems") == {}, response


def _rows(owners: Iterable[str], seed: int) -> Iterator[Row]:
    """Of each hundred tasks, ten wait, one has failed and the others have succeeded."""
    draw = random.Random(seed)  # noqa: S311 - test data
    now = datetime.now(UTC) - timedelta(days=1)
    waiting, failed, succeeded = (to_row(task) for task in _examples(now))
    kinds = [*[waiting] * 10, failed, *[succeeded] * 89]
    for number, owner in enumerate(owners):
        created = now + timedelta(milliseconds=number)
        task_id = new_task_id(created, draw.getrandbits(74), _SETTINGS.task_buckets)
        due_bucket = str(due_bucket_of(task_id, _SETTINGS.due_buckets))
        yield {
            **kinds[number % len(kinds)],
            **row_key(owner, task_id),
            "created_at": moment(created),
            "due_bucket": {"N": due_bucket},
        }


def _examples(now: datetime) -> Iterator[Task]:
    """A waiting task, a failed one and a succeeded one."""
    task = _NEW_TASK.task(
        id=new_task_id(now, 0, 1), owner="anybody", task_types=TYPES, now=now, timing=_TIMING, due_bucket=0
    )
    yield task.check_again(now, now + timedelta(days=7))
    running = replace(task, status=TaskStatus.RUNNING, version=2, lease=1, attempt=1, started_at=now)
    failed = running.fail(now, TaskError.of(ErrorKind.EXCEPTION, "it is broken"), _TIMING.keep)
    yield failed.dead_lettered(now)
    yield running.succeed(now, Document.of(None), _TIMING.keep)
