"""Snoozes and cancels: outcomes that are not failures."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.domain.outcomes import Cancel, NonRetryable, RetryAfter, Snooze
from chalicelib.domain.task_types import TaskContext
from testing.kit import Kit
from tests.functional.conftest import Handlers
from tests.support.aws_state import row, take_messages
from tests.support.aws_wire import Wire
from tests.support.scripted_types import Script


class TestOtherOutcomes:
    def test_a_snooze_gives_the_attempt_back(self, kit: Kit, handlers: Handlers, script: Script) -> None:
        script.returns(Snooze(20))
        wire = Wire(kit.services)
        task = kit.create("test.fast", max_attempts=1)

        assert not handlers.run(task).acknowledged

        waits = kit.get(task["id"])
        assert (waits["status"], waits["attempt"], waits["attempts"][0]["outcome"]) == (
            "scheduled",
            0,
            "snoozed",
        )
        assert row(kit, task["id"]).lease == 1
        assert wire.sent("ChangeMessageVisibility")[0]["VisibilityTimeout"] == 21

        kit.clock.advance(20)
        script.returns("rested")
        handlers.run(task)
        assert kit.get(task["id"])["result"] == "rested"
        assert row(kit, task["id"]).lease == 2

    @pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf"), 1e18])
    def test_an_invalid_wait_is_a_failure(
        self, kit: Kit, handlers: Handlers, script: Script, seconds: float
    ) -> None:
        script.work = lambda payload, context: Snooze(seconds)
        snoozed = kit.create("test.fast")
        assert not handlers.run(snoozed).acknowledged
        assert kit.get(snoozed["id"])["error"]["type"] == "ValueError"

        def ask(payload: Any, context: TaskContext) -> None:
            raise RetryAfter(seconds)

        script.work = ask
        task = kit.create("test.fast")
        assert not handlers.run(task).acknowledged
        assert kit.get(task["id"])["error"]["type"] == "ValueError"

    def test_the_task_type_cancels(self, kit: Kit, handlers: Handlers, script: Script) -> None:
        script.returns(Cancel("nothing to do"))
        task = kit.create("test.fast")
        assert handlers.run(task).acknowledged
        canceled = kit.get(task["id"])
        assert canceled["status"] == "canceled"
        assert canceled["attempts"][0]["error"]["message"] == "nothing to do"
        assert take_messages(kit, "dead-letters") == []


class TestCancelRequest:
    """The owner cancels while the task runs."""

    def test_the_run_sees_it_at_its_next_progress(self, kit: Kit, handlers: Handlers, script: Script) -> None:
        seen: list[bool] = []

        def work(payload: Any, context: TaskContext) -> Any:
            kit.new_services().tasks.cancel(kit.owner, context.task_id)
            seen.append(context.cancel_requested)
            context.progress(50)
            seen.append(context.cancel_requested)
            return Cancel("as asked")

        script.work = work
        task = kit.create("test.fast")

        assert handlers.run(task).acknowledged

        assert seen == [False, True]
        canceled = kit.get(task["id"])
        assert (canceled["status"], canceled["cancel_requested"]) == ("canceled", True)
        assert row(kit, task["id"]).due_at is None

    @pytest.mark.parametrize(
        ("error", "words"), [(ValueError("oops"), "oops"), (NonRetryable("never"), "never")]
    )
    def test_it_wins_over_a_failure(
        self, kit: Kit, handlers: Handlers, script: Script, error: Exception, words: str
    ) -> None:
        def work(payload: Any, context: TaskContext) -> Any:
            kit.new_services().tasks.cancel(kit.owner, context.task_id)
            raise error

        script.work = work
        task = kit.create("test.fast")

        assert handlers.run(task).acknowledged

        canceled = kit.get(task["id"])
        assert (canceled["status"], canceled["attempts"][0]["outcome"]) == ("canceled", "canceled")
        assert canceled["attempts"][0]["error"]["message"] == words
        assert take_messages(kit, "dead-letters") == []

    def test_it_wins_over_a_snooze(self, kit: Kit, handlers: Handlers, script: Script) -> None:
        script.raises(ValueError("at first"))
        task = kit.create("test.fast")
        handlers.run(task)
        kit.clock.advance(1)

        def work(payload: Any, context: TaskContext) -> Any:
            kit.new_services().tasks.cancel(kit.owner, context.task_id)
            return Snooze(1)

        script.work = work
        assert handlers.run(task).acknowledged

        canceled = kit.get(task["id"])
        assert (canceled["status"], canceled["attempts"][1]["outcome"]) == ("canceled", "canceled")
        assert canceled["attempts"][1]["error"] is None

    def test_success_wins_over_it(self, kit: Kit, handlers: Handlers, script: Script) -> None:
        def work(payload: Any, context: TaskContext) -> Any:
            kit.new_services().tasks.cancel(kit.owner, context.task_id)
            return "done all the same"

        script.work = work
        task = kit.create("test.fast")
        handlers.run(task)
        assert kit.get(task["id"])["result"] == "done all the same"

    def test_it_does_not_affect_a_retried_task(self, kit: Kit, handlers: Handlers, script: Script) -> None:
        def work(payload: Any, context: TaskContext) -> Any:
            kit.new_services().tasks.cancel(kit.owner, context.task_id)
            raise ValueError

        script.work = work
        task = kit.create("test.fast")
        handlers.run(task)

        kit.services.tasks.retry(kit.owner, task["id"])
        script.raises(ValueError("of the retried task"))
        handlers.run(task)
        retried = kit.get(task["id"])
        assert (retried["status"], retried["cancel_requested"]) == ("retrying", False)

    def test_a_canceled_task_is_not_run(self, kit: Kit, handlers: Handlers, script: Script) -> None:
        task = kit.create("test.fast")
        kit.services.tasks.cancel(kit.owner, task["id"])
        assert handlers.run(task).acknowledged
        assert script.runs == []
