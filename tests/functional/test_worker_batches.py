"""Batches of queue messages: side by side, one's trouble is not the others', and not all is ours."""

from __future__ import annotations

from threading import Barrier

import pytest

from tests.functional.behind import take_messages
from tests.functional.conftest import Handlers, LambdaContext
from tests.functional.scripted import Script
from tests.kit import Kit
from tests.wire import Wire


class TestBatch:
    def test_ten_messages_run_side_by_side(self, kit: Kit, handlers: Handlers, script: Script) -> None:
        together = Barrier(10, timeout=20)
        script.work = lambda payload, context: together.wait() is None
        tasks = [kit.create("test.fast") for _ in range(10)]
        assert handlers.run_tasks(*map(handlers.wake, tasks)) == []
        assert {kit.get(task["id"])["status"] for task in tasks} == {"succeeded"}

    def test_trouble_with_one_message_does_not_harm_the_others(
        self, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        first, second = kit.create("test.fast"), kit.create("test.fast")
        wire = Wire(kit.services)
        wire.refuse("UpdateItem", when=lambda request: request["Key"]["sk"]["S"] == first["id"])

        assert handlers.run_tasks(handlers.wake(first), handlers.wake(second)) == ["m0"]

        assert kit.get(first["id"])["status"] == "queued"
        assert kit.get(second["id"])["status"] == "succeeded"

    def test_nothing_is_started_that_has_no_time_left(
        self, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        task = kit.create("test.fast")
        handlers.context = LambdaContext(milliseconds=10_900)
        assert handlers.run(task) == ["m0"]
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
    def test_a_message_that_is_not_ours_is_kept_in_the_dead_letter_queue(
        self, kit: Kit, handlers: Handlers, script: Script, body: str
    ) -> None:
        task = kit.create("test.fast")

        assert handlers.run_tasks(body, handlers.wake(task)) == []

        [kept] = take_messages(kit, "dead-letters")
        assert kept["Body"] == body
        assert kept["MessageAttributes"]["original_message_id"]["StringValue"] == "m0"
        assert kit.get(task["id"])["status"] == "succeeded"

    def test_a_message_of_a_task_that_is_gone_is_acked(
        self, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        task = kit.create("test.fast")
        handlers.run(task)
        kit.services.tasks.delete(kit.owner, task["id"])
        assert handlers.run(task) == []
        assert script.runs == [1]

    def test_the_long_lane_runs_its_own_tasks(self, kit: Kit, handlers: Handlers, script: Script) -> None:
        script.raises(ValueError("again"))
        wire = Wire(kit.services)
        task = kit.create("test.long")
        assert wire.sent("SendMessage")[0]["QueueUrl"].endswith("-long")
        assert handlers.run_tasks(handlers.wake(task), handler="run_long_tasks") == ["m0"]
        assert wire.sent("ChangeMessageVisibility")[0]["QueueUrl"].endswith("-long")
