"""Queue messages in run_tasks: the effect of each outcome on the task and on its message."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from pydantic import BaseModel

from chalicelib.domain.outcomes import NonRetryable, Rejected, RetryAfter
from chalicelib.domain.task_types import TaskTypes
from testing.kit import Kit
from tests.functional.conftest import Handlers
from tests.support.aws_state import documents, row, take_messages
from tests.support.aws_wire import Crash, Wire
from tests.support.scripted_types import Script


class TestSuccess:
    def test_the_result_is_stored_and_the_message_acknowledged(
        self, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        script.work = lambda payload, context: {"sum": payload.number + 1}
        task = kit.create("test.fast", {"number": 41})

        assert handlers.run(task).acknowledged

        done = kit.get(task["id"])
        assert (done["status"], done["result"], done["attempt"], done["version"]) == (
            "succeeded",
            {"sum": 42},
            1,
            3,
        )
        assert done["attempts"][0] | {"lease": 1, "outcome": "succeeded"} == done["attempts"][0]
        assert row(kit, task["id"]).due_at is None

    def test_it_costs_two_writes_of_a_row_and_one_message_and_leaves_the_index_alone(
        self, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        due: list[Any] = []
        script.work = lambda payload, context: due.append(row(kit, context.task_id).due_at)
        wire = Wire(kit.services)

        task = kit.create("test.fast")
        created = row(kit, task["id"]).due_at
        handlers.run(task)

        # The worker reads the pauses once in five seconds.
        once = {"GetQueueUrl": 1, "Query": 1}
        assert wire.counts() == {"PutItem": 1, "SendMessage": 1, "UpdateItem": 2, **once}
        assert due == [created]
        claim = wire.sent("UpdateItem")[0]
        assert "due_at" not in claim["UpdateExpression"] + str(claim["ExpressionAttributeNames"])

    def test_a_large_payload_and_result_are_stored_separately(
        self, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        script.work = lambda payload, context: payload.text.upper()
        task = kit.create("test.fast", {"text": "a" * 2000})

        handlers.run(task)

        assert kit.get(task["id"])["result"] == "A" * 2000
        assert documents(kit, task["id"]) == ["payload", "result#1"]
        stored = row(kit, task["id"])
        assert stored.payload.missing
        assert stored.result is not None
        assert stored.result.missing

    def test_a_worker_that_dies_before_its_large_result_is_stored_has_not_succeeded(
        self, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        script.returns("x" * 5000)
        task = kit.create("test.fast")
        Wire(kit.services).crash_before("PutItem")
        with pytest.raises(Crash):
            handlers.run(task)
        assert kit.get(task["id"])["status"] == "running"

    @pytest.mark.parametrize(
        ("result", "words"),
        [
            (object(), "not JSON"),
            (float("nan"), "not JSON"),
            ({"deep": float("inf")}, "not JSON"),
            ("x" * 262_145, "at most 262144"),
        ],
    )
    def test_a_result_that_cannot_be_stored_fails_the_task_for_good(
        self, kit: Kit, handlers: Handlers, script: Script, result: Any, words: str
    ) -> None:
        script.returns(result)
        task = kit.create("test.fast")

        handlers.run(task)

        failed = kit.get(task["id"])
        assert (failed["status"], failed["error"]["kind"], failed["attempt"]) == ("failed", "rejected", 1)
        assert words in failed["error"]["message"]

    def test_half_a_surrogate_pair_survives(self, kit: Kit, handlers: Handlers, script: Script) -> None:
        script.returns("\ud800")
        task = kit.create("test.fast")
        handlers.run(task)
        assert kit.get(task["id"])["result"] == "\ud800"


class TestFailure:
    def test_a_short_wait_keeps_the_message_until_just_after_the_retry_may_start(
        self, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        script.raises(ValueError("no luck"))
        wire = Wire(kit.services)
        task = kit.create("test.fast")

        assert not handlers.run(task).acknowledged

        waits = kit.get(task["id"])
        assert (waits["status"], waits["attempt"], waits["error"]) == (
            "retrying",
            1,
            {"kind": "exception", "type": "ValueError", "message": "no luck"},
        )
        stored = row(kit, task["id"])
        assert stored.run_at == kit.clock() + timedelta(seconds=0.5)  # half of 1 s: the kit draws 0.5
        assert stored.due_at == stored.run_at + timedelta(seconds=120)
        assert stored.lease_until is None
        [visibility] = wire.sent("ChangeMessageVisibility")
        assert visibility["VisibilityTimeout"] == 2  # 0.5 s and a second, rounded up

    def test_a_long_wait_acknowledges_the_message_and_is_due_before_the_start(
        self, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        script.raises(RetryAfter(300))
        wire = Wire(kit.services)
        task = kit.create("test.fast")

        assert handlers.run(task).acknowledged

        stored = row(kit, task["id"])
        assert stored.run_at == kit.clock() + timedelta(seconds=300)
        assert stored.due_at == stored.run_at - timedelta(seconds=120)
        assert "ChangeMessageVisibility" not in wire.counts()

    def test_the_task_type_sets_the_wait_itself(self, kit: Kit, handlers: Handlers, script: Script) -> None:
        script.raises(RetryAfter(17.2, "busy"))
        wire = Wire(kit.services)
        task = kit.create("test.fast")
        assert not handlers.run(task).acknowledged
        assert kit.get(task["id"])["attempts"][0]["next_wait_seconds"] == 17.2
        assert wire.sent("ChangeMessageVisibility")[0]["VisibilityTimeout"] == 19

    def test_a_retry_starts_from_the_same_message_and_not_early(
        self, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        script.raises(RetryAfter(10))
        task = kit.create("test.fast")
        handlers.run(task)

        kit.clock.advance(9.9)
        assert handlers.run(task).acknowledged
        assert kit.get(task["id"])["status"] == "retrying"

        kit.clock.advance(0.1)
        script.returns("at last")
        handlers.run(task)
        done = kit.get(task["id"])
        assert (done["status"], done["attempt"], done["error"]) == ("succeeded", 2, None)
        assert [entry["outcome"] for entry in done["attempts"]] == ["failed", "succeeded"]

    def test_the_last_attempt_ends_in_a_dead_letter(
        self, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        script.raises(ValueError("never"))
        task = kit.create("test.fast", max_attempts=1)

        assert handlers.run(task).acknowledged

        failed = kit.get(task["id"])
        assert (failed["status"], failed["dead_lettered_at"]) == ("failed", failed["finished_at"])
        assert row(kit, task["id"]).due_at is None
        [letter] = take_messages(kit, "dead-letters")
        body = json.loads(letter["Body"])
        assert (body["id"], body["redrive_count"], body["attempt"], body["error"]) == (
            task["id"],
            0,
            1,
            failed["error"],
        )
        assert letter["MessageAttributes"]["task_id"]["StringValue"] == task["id"]

    def test_the_sweep_sends_a_dead_letter_that_could_not_be_sent(
        self, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        script.raises(NonRetryable("never"))
        wire = Wire(kit.services)
        task = kit.create("test.fast")
        wire.refuse("SendMessage")

        assert not handlers.run(task).acknowledged
        assert kit.get(task["id"])["dead_lettered_at"] is None
        assert handlers.run(task).acknowledged

        kit.sweep()
        assert kit.get(task["id"])["dead_lettered_at"] is not None
        assert len(take_messages(kit, "dead-letters")) == 1

    @pytest.mark.parametrize(
        ("error", "kind"),
        [(NonRetryable("no use"), "exception"), (Rejected("not allowed"), "rejected")],
    )
    def test_some_errors_end_the_task_at_once(
        self, kit: Kit, handlers: Handlers, script: Script, error: Exception, kind: str
    ) -> None:
        script.raises(error)
        task = kit.create("test.fast")
        assert handlers.run(task).acknowledged
        failed = kit.get(task["id"])
        assert (failed["status"], failed["error"]["kind"], failed["attempt"]) == ("failed", kind, 1)

    @pytest.mark.parametrize("error", [SystemExit(1), KeyboardInterrupt(), RecursionError("deep")])
    def test_user_code_ends_its_run_never_the_worker(
        self, kit: Kit, handlers: Handlers, script: Script, error: BaseException
    ) -> None:
        script.raises(error)
        task = kit.create("test.fast")
        assert not handlers.run(task).acknowledged
        assert kit.get(task["id"])["error"]["type"] == type(error).__name__
        assert kit.ended_processes == 0

    def test_an_error_without_a_message_fails_the_attempt(
        self, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        class Speechless(Exception):
            def __str__(self) -> str:
                raise RuntimeError("not even that")

        script.raises(Speechless())
        task = kit.create("test.fast")
        assert not handlers.run(task).acknowledged
        assert kit.get(task["id"])["error"]["type"].endswith("Speechless")

    def test_an_error_class_of_user_code_fails_the_attempt(
        self, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        class Bankrupt(NonRetryable):
            kind = "bankrupt"

        script.raises(Bankrupt("no money"))
        task = kit.create("test.fast")
        assert handlers.run(task).acknowledged
        assert kit.get(task["id"])["error"]["message"] == "no money"

    def test_a_payload_that_no_longer_fits_its_type_is_rejected(self, kit: Kit, script: Script) -> None:
        class Stricter(BaseModel):
            name: str

        newer = TaskTypes()
        newer.task_type("test.fast", payload=Stricter)(lambda payload, context: None)
        task = kit.create("test.fast", {"number": 1})

        kit.services = kit.new_services(task_types=newer)
        kit.deliver(task)

        failed = kit.get(task["id"])
        assert (failed["status"], failed["error"]["kind"]) == ("failed", "rejected")
        assert "/name" in failed["error"]["message"]

    def test_an_unknown_type_is_retried(self, kit: Kit, script: Script) -> None:
        task = kit.create("test.fast")
        previous = kit.services

        kit.services = kit.new_services(task_types=TaskTypes())
        kit.deliver(task)
        assert kit.get(task["id"])["error"]["type"] == "UnknownTaskType"

        kit.services = previous
        kit.drain()
        assert kit.get(task["id"])["status"] == "succeeded"
