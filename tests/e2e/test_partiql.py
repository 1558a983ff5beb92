"""Statements of PartiQL, on an emulator that parses them and on the one of the other tests: both agree.

Each test counts its requests: a failed statement is sent again alone.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from benchmarks.exchanges import write_units
from benchmarks.hooks import emulator_transport, environment
from benchmarks.stage import BenchStage, bench_stage
from chalicelib.aws.dynamodb.document_table import DocumentTable
from chalicelib.aws.dynamodb.task_row import to_row
from chalicelib.aws.dynamodb.task_table import TaskTable
from chalicelib.aws.sdk.clients import Clients
from chalicelib.aws.sdk.transport import Request, Response
from chalicelib.domain.documents import Document
from chalicelib.domain.ids import new_task_id
from chalicelib.domain.task import Conflict, Task, TaskStatus
from chalicelib.settings import Settings
from testing.kit import Kit
from tests.support.aws_requests import Line, MotoClients, Send, parsed_call
from tests.support.examples import KEEP, NOW, a_running_task, a_task

MARGIN = timedelta(seconds=15)


@dataclass
class Aws:
    """A tasks table, and the operations that were called on DynamoDB."""

    client: Any
    name: str
    tasks: TaskTable
    operations: list[str] = field(default_factory=list)

    def note(self, request: Request, send: Send) -> Response:
        self.operations.append(parsed_call(request).operation)
        return send(request)

    def task(self, status: TaskStatus = TaskStatus.QUEUED, **fields: Any) -> Task:
        """A task with a new id."""
        return a_task(status, **{"id": self._new_id(), **fields})

    def running(self, **fields: Any) -> Task:
        """A running task with a new id."""
        return a_running_task(**{"id": self._new_id(), **fields})

    def _new_id(self) -> str:
        return new_task_id(NOW, random.getrandbits(74), 4)

    def stored(self, *tasks: Task) -> list[Task]:
        """The tasks, put into the table directly."""
        for task in tasks:
            self.client.put_item(TableName=self.name, Item=to_row(task))
        self.operations.clear()
        return list(tasks)

    def claim(self, *tasks: Task, ids: str = "abcdefghij", **terms: Any) -> list[Any]:
        claims = [(task.owner, task.id, claim_id) for task, claim_id in zip(tasks, ids, strict=False)]
        return self.tasks.claim_many(claims, **{"now": NOW, "margin": MARGIN, **terms})


@pytest.fixture(scope="module")
def stage() -> Iterator[BenchStage]:
    with bench_stage() as stage:
        yield stage


@pytest.fixture(params=["emulator", "moto"])
def aws(request: pytest.FixtureRequest) -> Iterator[Aws]:
    if request.param == "moto":
        with Kit() as kit:
            clients = MotoClients()
            yield from made(clients, clients.line, kit.settings)
    else:
        line = Line(emulator_transport())
        clients = Clients(environment(request.getfixturevalue("stage").endpoint), transport=line)
        yield from made(clients, line, Settings(stage="local"))


def made(clients: Clients, line: Line, settings: Settings) -> Iterator[Aws]:
    client, name = clients.dynamodb, settings.resource("tasks")
    with ThreadPoolExecutor(4) as threads:
        documents = DocumentTable(client, settings.resource("documents"))
        aws = Aws(client, name, TaskTable(client, name, documents, threads))
        line.taps.append(aws.note)
        yield aws


BATCH = ["BatchExecuteStatement"]


def batch_and(again: int) -> list[str]:
    """A batch, and some of its writes again: only an UpdateItem settles a refusal."""
    return BATCH + ["UpdateItem"] * again


class TestClaims:
    def test_waiting_tasks_are_claimed(self, aws: Aws) -> None:
        found = aws.claim(*aws.stored(*(aws.task(attempt=1, lease=3, version=7) for _ in range(3))))
        assert {(task.status, task.attempt, task.lease, task.version) for task in found} == {
            (TaskStatus.RUNNING, 2, 4, 8)
        }
        assert {task.lease_until for task in found} == {
            NOW + MARGIN + timedelta(seconds=found[0].timeout_seconds)
        }
        assert {task.progress for task in found} == {None}
        assert aws.operations == BATCH

    def test_each_is_refused_by_its_own_condition(self, aws: Aws) -> None:
        tasks = aws.stored(
            aws.task(),
            aws.task(TaskStatus.SUCCEEDED),
            aws.task(run_at=NOW + timedelta(seconds=1)),
            aws.task(expires_at=NOW),
            aws.task(expires_at=NOW + timedelta(seconds=1)),
            aws.task(TaskStatus.RETRYING, run_at=NOW - timedelta(hours=1)),
        )
        found = aws.claim(*tasks)
        assert [isinstance(each, Task) for each in found] == [True, False, False, False, True, True]
        assert aws.operations == batch_and(3)

    def test_one_of_a_paused_type_is_refused_and_shown(self, aws: Aws) -> None:
        held, other = aws.stored(aws.task(type="demo.fail"), aws.task(type="demo.sleep"))
        refused, claimed = aws.claim(held, other, paused={"demo.fail", "test.none"})
        assert refused == Conflict(current=held)
        assert isinstance(claimed, Task)
        assert aws.operations == batch_and(1)

    def test_a_repeated_claim_recognizes_its_first_copy_only(self, aws: Aws) -> None:
        tasks = aws.stored(aws.task(), aws.task())
        first = aws.claim(*tasks, ids="ab")
        assert aws.claim(*tasks, ids="ab") == first
        assert aws.claim(*tasks, ids="xb") == [Conflict(current=None), first[1]]
        assert aws.operations == BATCH + batch_and(2) * 2

    def test_of_two_claims_of_one_task_in_a_batch_one_succeeds(self, aws: Aws) -> None:
        (task,) = aws.stored(aws.task())
        found = aws.claim(task, task)
        assert sorted(isinstance(each, Task) for each in found) == [False, True]
        assert aws.operations == batch_and(1)

    def test_a_missing_task_is_not_created(self, aws: Aws) -> None:
        (task,) = aws.stored(aws.task())
        gone = aws.task()
        assert aws.claim(gone, task)[0] == Conflict(current=None)
        assert aws.tasks.get(gone.owner, gone.id) is None
        assert aws.operations[:2] == batch_and(1)


class TestFinishes:
    def test_outcomes_are_stored_under_their_leases(self, aws: Aws) -> None:
        mine, lost, done = aws.stored(*(aws.running() for _ in range(3)))
        later = NOW + timedelta(seconds=5)
        finished = [task.succeed(later, Document.of({"n": 1}), KEEP) for task in (mine, lost, done)]
        aws.tasks.finish_many([(done, finished[2], False)])
        aws.stored(replace(lost, lease=3))

        found = aws.tasks.finish_many(
            [(mine, finished[0], False), (lost, finished[1], False), (done, finished[2], False)]
        )

        assert found[0] == replace(finished[0], version=mine.version + 1)
        assert isinstance(found[1], Conflict)
        assert found[1].current is not None
        assert found[1].current.lease == 3
        assert found[2] == replace(finished[2], version=done.version + 1)  # its own first copy
        assert aws.operations == batch_and(2)

    def test_a_cancel_request_refuses_all_but_success(self, aws: Aws) -> None:
        one, other = aws.stored(*(aws.running(cancel_requested=True) for _ in range(2)))
        after = [task.snooze(NOW, timedelta(5), timedelta(5)) for task in (one, other)]
        refused, stored = aws.tasks.finish_many([(one, after[0], True), (other, after[1], False)])
        assert refused == Conflict(current=one)
        assert isinstance(stored, Task)
        assert stored.status is TaskStatus.SCHEDULED
        assert aws.operations == batch_and(1)


class TestCreates:
    def test_new_tasks_are_stored(self, aws: Aws) -> None:
        tasks = [aws.task() for _ in range(30)]
        aws.operations.clear()
        assert aws.tasks.create_many(tasks) == [None] * 30
        assert aws.operations == BATCH * 2
        assert {task.id for task in aws.tasks.get_many([(task.owner, task.id) for task in tasks])} == {
            task.id for task in tasks
        }

    def test_an_existing_task_is_not_overwritten(self, aws: Aws) -> None:
        (running,) = aws.stored(aws.task(TaskStatus.RUNNING, lease=1))
        late, new = replace(running, status=TaskStatus.QUEUED, lease=0), aws.task()
        assert aws.tasks.create_many([late, new]) == [None, None]
        assert aws.tasks.get(running.owner, running.id) == running
        assert aws.tasks.get(new.owner, new.id) == new


def test_the_stream_has_the_writes_of_statements(stage: BenchStage) -> None:
    """As on AWS. Without it, a batch on the local stage would send no updates."""
    line = Line(emulator_transport())
    clients = Clients(environment(stage.endpoint), transport=line)
    aws = next(made(clients, line, Settings(stage="local")))
    tasks = [aws.task() for _ in range(3)]
    assert aws.tasks.create_many(tasks) == [None] * 3
    aws.claim(*tasks)
    stream = stage.emulator.client("dynamodbstreams")
    arn = stage.emulator.client("dynamodb").describe_table(TableName=aws.name)["Table"]["LatestStreamArn"]
    records_read = []
    for shard in stream.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
        start = {"StreamArn": arn, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
        records = stream.get_records(ShardIterator=stream.get_shard_iterator(**start)["ShardIterator"])
        records_read += [(each["eventName"], each["dynamodb"]) for each in records["Records"]]
    for task in tasks:
        mine = [(name, change) for name, change in records_read if change["Keys"]["sk"]["S"] == task.id]
        assert [name for name, _ in mine] == ["INSERT", "MODIFY"]
        assert mine[1][1]["OldImage"] == mine[0][1]["NewImage"] == to_row(task)
        assert mine[1][1]["NewImage"]["status"] == {"S": "running"}


class TestTheRuleOfWriteUnits:
    """The emulator counts a statement as one unit, so the benchmarks count them like single writes."""

    @pytest.mark.parametrize(
        "changes",
        [
            {"version": 2},
            {"due_at": NOW + timedelta(hours=1)},
            {"due_at": None},
            {"payload": Document.of("x" * 1500)},
            {"payload": Document.of("x" * 100), "due_at": None},
        ],
        ids=range(5),
    )
    @pytest.mark.parametrize("size", [10, 2500])
    def test_it_equals_the_emulators_for_single_writes(
        self, stage: BenchStage, changes: dict[str, Any], size: int
    ) -> None:
        client = stage.emulator.client("dynamodb")
        name = Settings(stage="local").resource("tasks")
        before = a_task(id=new_task_id(NOW, random.getrandbits(74), 4), payload=Document.of("y" * size))
        after = replace(before, **changes)
        rows = [{}, to_row(before), to_row(after)]
        for old, new in pairwise(rows):
            answer = client.put_item(TableName=name, Item=new, ReturnConsumedCapacity="INDEXES")
            assert write_units(old, new) == answer["ConsumedCapacity"]["CapacityUnits"]
