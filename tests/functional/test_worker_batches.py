"""Batches of queue messages run side by side and fail separately."""

from __future__ import annotations

from collections.abc import Callable
from threading import Barrier, Event
from typing import Any

import pytest

from chalicelib.services.threads import Threads
from testing.kit import Kit
from tests.functional.conftest import Handlers
from tests.support.aws_state import take_messages
from tests.support.aws_wire import Parameters, Wire
from tests.support.lambda_events import LambdaContext
from tests.support.scripted_types import Script


def of(task: dict[str, Any]) -> Callable[[Parameters], bool]:
    """A condition for statements about this task."""
    return lambda statement: {"S": task["id"]} in statement["Parameters"]


def patient(handlers: Handlers) -> None:
    """Record outcomes within a second together, even on a busy machine."""
    kit = handlers.kit
    services = kit.new_services(clients=kit.services.adapters.clients, threads=Threads(gather_seconds=1))
    handlers.containers["run_tasks", kit.services] = services


class TestBatch:
    def test_ten_messages_run_side_by_side(self, kit: Kit, handlers: Handlers, script: Script) -> None:
        together = Barrier(10, timeout=20)
        script.work = lambda payload, context: together.wait() is None
        tasks = [kit.create("test.fast") for _ in range(10)]
        assert handlers.run_tasks(*map(handlers.message, tasks)).acknowledged
        assert {kit.get(task["id"])["status"] for task in tasks} == {"succeeded"}

    def test_the_failure_of_one_message_does_not_affect_others(
        self, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        first, second = kit.create("test.fast"), kit.create("test.fast")
        wire = Wire(kit.services)
        wire.fail_statement("ThrottlingError", of(first))
        wire.refuse("UpdateItem", when=lambda request: request["Key"]["sk"]["S"] == first["id"])

        assert handlers.run_tasks(handlers.message(first), handlers.message(second)).kept == ("m0",)

        assert kit.get(first["id"])["status"] == "queued"
        assert kit.get(second["id"])["status"] == "succeeded"

    def test_a_delivery_is_claimed_in_one_request_and_recorded_in_one(
        self, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        together = Barrier(10, timeout=20)
        script.work = lambda payload, context: together.wait() is None
        tasks = [kit.create("test.fast") for _ in range(10)]
        patient(handlers)
        wire = Wire(kit.services)
        assert handlers.run_tasks(*map(handlers.message, tasks)).acknowledged
        assert wire.counts() == {"BatchExecuteStatement": 2, "Query": 1}  # and what is paused

    def test_large_payloads_and_results_of_a_delivery_share_their_requests(
        self, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        patient(handlers)
        wire = Wire(kit.services)
        script.work = lambda payload, context: payload.text
        tasks = [kit.create("test.fast", {"text": letter * 2000}) for letter in "abc"]
        assert handlers.run_tasks(*map(handlers.message, tasks)).acknowledged
        assert wire.counts()["BatchWriteItem"] == 1
        assert [kit.get(task["id"])["result"] for task in tasks] == [letter * 2000 for letter in "abc"]

    def test_a_slow_run_does_not_delay_the_outcome_of_a_fast_one(
        self, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        recorded = Event()
        script.work = lambda payload, context: payload.number == 0 or recorded.wait(20)
        wire = Wire(kit.services)
        wire.before("UpdateItem", recorded.set)
        quick, slow = kit.create("test.fast"), kit.create("test.fast", {"number": 1})
        assert handlers.run_tasks(handlers.message(quick), handlers.message(slow)).acknowledged
        assert kit.get(quick["id"])["result"] is True
        assert kit.get(slow["id"])["result"] is True
        assert len(wire.sent("UpdateItem")) == 2

    @pytest.mark.parametrize(
        "code", ["ThrottlingError", "ProvisionedThroughputExceeded", "InternalServerError", "ValidationError"]
    )
    def test_a_statement_that_fails_is_sent_again_by_itself(
        self, kit: Kit, handlers: Handlers, script: Script, code: str
    ) -> None:
        tasks = [kit.create("test.fast") for _ in range(3)]
        wire = Wire(kit.services)
        wire.fail_statement(code, of(tasks[1]))  # its claim
        assert handlers.run_tasks(*map(handlers.message, tasks)).acknowledged
        assert {kit.get(task["id"])["status"] for task in tasks} == {"succeeded"}
        claim = wire.sent("UpdateItem")[0]
        assert claim["Key"]["sk"] == {"S": tasks[1]["id"]}
        assert script.runs == [1, 1, 1]

    @pytest.mark.parametrize("nth", [1, 2])
    def test_a_batch_whose_answer_is_lost_is_sent_again_and_knows_itself(
        self, kit: Kit, handlers: Handlers, script: Script, nth: int
    ) -> None:
        tasks = [kit.create("test.fast") for _ in range(3)]
        wire = Wire(kit.services)
        if nth == 1:
            wire.lose_reply("BatchExecuteStatement")
        else:
            script.work = lambda payload, context: wire.lose_reply("BatchExecuteStatement")
        assert handlers.run_tasks(*map(handlers.message, tasks)).acknowledged
        assert {kit.get(task["id"])["status"] for task in tasks} == {"succeeded"}
        assert {kit.get(task["id"])["version"] for task in tasks} == {3}
        assert script.runs == [1, 1, 1]

    def test_a_task_without_enough_time_is_not_started(
        self, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        task = kit.create("test.fast")
        handlers.context = LambdaContext(milliseconds=10_900)
        assert not handlers.run(task).acknowledged
        assert kit.get(task["id"])["attempts"] == []
        assert kit.get(task["id"])["status"] == "queued"

    @pytest.mark.parametrize(
        "body",
        [
            "hello",
            "[]",
            "{}",
            "[" * 100_000,
            '{"owner": "default", "id": "nope", "lease": 0}',
            '{"owner": "", "id": "01a20bfd-d410-7563-aa0e-3e9cff6c8303", "lease": 0}',
            '{"owner": "%s", "id": "01a20bfd-d410-7563-aa0e-3e9cff6c8303", "lease": 0}' % ("x" * 3000),
            '{"owner": "default", "id": "01a20bfd-d410-7563-aa0e-3e9cff6c8303", "lease": "0"}',
        ],
        ids=range(8),
    )
    def test_an_unrecognized_message_is_moved_to_the_dead_letter_queue(
        self, kit: Kit, handlers: Handlers, script: Script, body: str
    ) -> None:
        task = kit.create("test.fast")

        assert handlers.run_tasks(body, handlers.message(task)).acknowledged

        [kept] = take_messages(kit, "dead-letters")
        assert kept["Body"] == body
        assert kept["MessageAttributes"]["original_message_id"]["StringValue"] == "m0"
        assert kit.get(task["id"])["status"] == "succeeded"

    def test_a_message_of_a_deleted_task_is_acknowledged(
        self, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        task = kit.create("test.fast")
        handlers.run(task)
        kit.services.tasks.delete(kit.owner, task["id"])
        assert handlers.run(task).acknowledged
        assert script.runs == [1]

    def test_the_long_lane_runs_its_own_tasks(self, kit: Kit, handlers: Handlers, script: Script) -> None:
        script.raises(ValueError("again"))
        wire = Wire(kit.services)
        task = kit.create("test.long")
        assert wire.sent("SendMessage")[0]["QueueUrl"].endswith("-long")
        assert not handlers.run_tasks(handlers.message(task), handler="run_long_tasks").acknowledged
        assert wire.sent("ChangeMessageVisibility")[0]["QueueUrl"].endswith("-long")
