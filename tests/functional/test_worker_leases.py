"""Leases: one worker runs a task and writes its outcome, with repeated, early, late or lost messages."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event
from typing import Any

import pytest

from chalicelib.domain.task_types import TaskContext
from testing.kit import Clock, Kit
from tests.conftest import Printed
from tests.functional.conftest import Handlers
from tests.support.aws_state import documents, row, take_messages
from tests.support.aws_wire import Wire
from tests.support.scripted_types import Script

PATIENCE = 20  # seconds; nothing here takes as long unless it is broken


class TestDelivery:
    def test_a_message_twice_in_a_batch_runs_its_task_once(
        self, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        task = kit.create("test.fast")
        assert handlers.run_tasks(*[handlers.message(task)] * 5).acknowledged
        assert script.runs == [1]

    def test_a_message_received_by_two_workers_runs_its_task_once(
        self, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        started, release = Event(), Event()

        def work(payload: Any, context: TaskContext) -> str:
            started.set()
            assert release.wait(PATIENCE)
            return "once"

        script.work = work
        task = kit.create("test.fast")
        others = [kit.new_services().worker for _ in range(3)]
        messages = [kit.message(handlers.message(task), "fast") for _ in others]
        with ThreadPoolExecutor(4) as pool:
            runs = [
                pool.submit(worker.run_batch, [message], "fast", kit.clock() + timedelta(seconds=120))
                for worker, message in zip(others, messages, strict=True)
            ]
            assert started.wait(PATIENCE)
            # A delivery during the live lease is acked and changes nothing.
            before = row(kit, task["id"])
            assert handlers.run(task).acknowledged
            assert row(kit, task["id"]) == before
            release.set()
            assert [run.result(PATIENCE) for run in runs] == [[], [], []]
        assert script.runs == [1]
        assert kit.get(task["id"])["result"] == "once"

    def test_an_early_message_starts_nothing(self, kit: Kit, handlers: Handlers, script: Script) -> None:
        task = kit.create("test.fast", delay_seconds=600)
        assert handlers.run(task).acknowledged
        assert kit.get(task["id"])["status"] == "scheduled"
        kit.clock.advance(600)
        handlers.run(task)
        assert kit.get(task["id"])["status"] == "succeeded"

    def test_a_late_message_starts_nothing(self, kit: Kit, handlers: Handlers, script: Script) -> None:
        task = kit.create("test.fast", expires_at=kit.clock() + timedelta(seconds=60))
        kit.clock.advance(60)
        assert handlers.run(task).acknowledged
        assert script.runs == []

    def test_a_task_that_ended_is_not_run_again(self, kit: Kit, handlers: Handlers, script: Script) -> None:
        task = kit.create("test.fast")
        handlers.run(task)
        assert handlers.run(task).acknowledged
        assert script.runs == [1]


class TestLostReply:
    """The write succeeded, its reply was lost, and the SDK sends it again."""

    def test_a_repeated_claim_is_recognized(self, kit: Kit, handlers: Handlers, script: Script) -> None:
        task = kit.create("test.fast", {"text": "a" * 2000})
        wire = Wire(kit.services)
        wire.lose_reply("UpdateItem")

        assert handlers.run(task).acknowledged

        done = kit.get(task["id"])
        assert (done["status"], done["attempt"], len(done["attempts"])) == ("succeeded", 1, 1)

    @pytest.mark.parametrize("error", [None, ValueError("try again"), SystemExit(3)])
    def test_a_repeated_finish_is_recognized(
        self, kit: Kit, handlers: Handlers, script: Script, error: BaseException | None
    ) -> None:
        task = kit.create("test.fast")
        wire = Wire(kit.services)

        def work(payload: Any, context: TaskContext) -> None:
            wire.lose_reply("UpdateItem")
            if error is not None:
                raise error

        script.work = work
        delivery = handlers.run(task)

        done = kit.get(task["id"])
        assert done["status"] == ("succeeded" if error is None else "retrying")
        assert delivery.acknowledged is (error is None)
        assert done["version"] == 3

    def test_a_final_failure_with_a_lost_reply_sends_its_dead_letter(
        self, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        task = kit.create("test.fast", max_attempts=1)
        wire = Wire(kit.services)

        def work(payload: Any, context: TaskContext) -> None:
            wire.lose_reply("UpdateItem")
            raise ValueError

        script.work = work
        assert handlers.run(task).acknowledged
        assert len(take_messages(kit, "dead-letters")) == 1
        assert kit.get(task["id"])["dead_lettered_at"] is not None


def _progress(context: TaskContext) -> None:
    context.progress(99)


def _failure(context: TaskContext) -> None:
    raise ValueError("the zombie's")


class TestZombie:
    """A container freezes in a run, the sweep rescues its task, another worker runs it, the first thaws."""

    @pytest.mark.parametrize("last_act", [lambda context: "z" * 3000, _progress, _failure])
    @pytest.mark.parametrize("outcome", ["running", "succeeded", "retrying"])
    def test_a_zombie_can_write_nothing(
        self,
        kit: Kit,
        handlers: Handlers,
        script: Script,
        last_act: Callable[[TaskContext], Any],
        outcome: str,
    ) -> None:
        frozen, thaw = Event(), Event()

        def freeze(payload: Any, context: TaskContext) -> Any:
            frozen.set()
            assert thaw.wait(PATIENCE)
            return last_act(context)

        script.work = freeze
        task = kit.create("test.fast")
        zombie = kit.new_services(clock=Clock(kit.clock())).worker  # its clock froze, too
        message = kit.message(handlers.message(task), "fast")
        with ThreadPoolExecutor(2) as pool:
            run = pool.submit(zombie.run_batch, [message], "fast", kit.clock() + timedelta(seconds=120))
            assert frozen.wait(PATIENCE)
            kit.clock.advance(120)
            kit.sweep()
            assert kit.get(task["id"])["error"]["kind"] == "crashed"
            kit.clock.advance(1)

            started, finish = Event(), Event()

            def win(payload: Any, context: TaskContext) -> Any:
                started.set()
                assert finish.wait(PATIENCE)
                if outcome == "retrying":
                    raise ValueError("the winner's")
                return "w" * 3000

            script.work = win
            winner = pool.submit(kit.deliver, task)
            assert started.wait(PATIENCE)
            if outcome != "running":
                finish.set()
                winner.result(PATIENCE)
            before = kit.get(task["id"])
            assert before["status"] == outcome

            thaw.set()
            assert run.result(PATIENCE) == []
            assert kit.get(task["id"]) == before
            finish.set()
            winner.result(PATIENCE)
        if outcome != "retrying":
            assert kit.get(task["id"])["result"] == "w" * 3000


@pytest.mark.parametrize(
    ("max_attempts", "metric", "letters"), [(3, "TasksRetried", 0), (1, "TasksFailed", 1)]
)
def test_the_outcome_of_the_sweep_wins_over_the_zombies(
    *,
    kit: Kit,
    handlers: Handlers,
    script: Script,
    printed: Printed,
    max_attempts: int,
    metric: str,
    letters: int,
) -> None:
    """Given two equal outcomes, when the zombie writes second, then one dead letter was counted and sent."""
    script.raises(ValueError("the zombie's"))
    task = kit.create("test.fast", max_attempts=max_attempts)

    def fail_as_poison() -> None:
        kit.clock.advance(120)
        handlers.sweep()

    Wire(kit.services).before(
        "UpdateItem", fail_as_poison, when=lambda request: "#attempts" in request["UpdateExpression"]
    )
    handlers.run(task)

    lines = printed()
    assert [line[metric] for line in lines if metric in line] == [1]
    assert [line["action"] for line in lines if line.get("level") == "WARNING"][-1:] == ["lease_lost"]
    assert kit.get(task["id"])["error"]["kind"] == "crashed"
    assert len(take_messages(kit, "dead-letters")) == letters


def test_a_zombies_result_does_not_replace_the_stored_one(kit: Kit, script: Script) -> None:
    script.work = lambda payload, context: str(context.attempt) * 2000
    task = kit.create("test.fast")
    wire = Wire(kit.services)

    def steal() -> None:
        kit.clock.advance(120)
        kit.sweep()
        kit.clock.advance(1)
        kit.services = kit.new_services()
        kit.deliver(task)

    wire.before("UpdateItem", steal, when=lambda request: "#result" in request["UpdateExpression"])
    assert kit.deliver(task) == []

    assert kit.get(task["id"])["result"] == "2" * 2000
    assert documents(kit, task["id"]) == ["result#1", "result#2"]


def test_a_process_ends_before_another_attempt_starts_even_if_aws_is_slow(
    kit: Kit, handlers: Handlers, script: Script
) -> None:
    """Given a run past its deadline, while the write of another outcome takes half a minute."""
    both, ended, release = Event(), Event(), Event()

    def work(payload: Any, context: TaskContext) -> None:
        if payload.number == 0:
            assert both.wait(PATIENCE)
        else:
            both.set()
            assert release.wait(PATIENCE)

    script.work = work
    quick = kit.create("test.fast", {"number": 0})
    slow = kit.create("test.fast", {"number": 1}, timeout_seconds=10.0)
    services = kit.new_services(exit_process=ended.set)
    wire = Wire(services)

    def silence() -> None:
        kit.clock.advance(10 + 8)
        assert ended.wait(PATIENCE)
        lease_until = row(kit, slow["id"]).lease_until
        assert lease_until is not None
        assert kit.clock() < lease_until

    wire.before("UpdateItem", silence, when=lambda request: request["Key"]["sk"]["S"] == quick["id"])
    messages = [kit.message(handlers.message(task), "fast") for task in (quick, slow)]
    services.worker.run_batch(messages, "fast", kit.clock() + timedelta(seconds=120))
    release.set()
    assert ended.is_set()
