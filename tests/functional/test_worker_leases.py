"""Who may run a task and who may write its outcome, whatever is doubled, early, late or lost."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from threading import Barrier, Event
from typing import Any

import pytest

from chalicelib.domain.outcomes import LeaseLost
from chalicelib.domain.task_types import TaskContext
from tests.functional.behind import documents, row, take_messages
from tests.functional.conftest import Handlers, LambdaContext
from tests.functional.scripted import Script
from tests.kit import Clock, Kit
from tests.wire import Wire

PATIENCE = 20  # seconds; nothing here takes as long unless it is broken


class TestDelivery:
    def test_a_message_that_comes_twice_in_a_batch_runs_its_task_once(
        self, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        task = kit.create("test.fast")
        assert handlers.run_tasks(*[handlers.wake(task)] * 5) == []
        assert script.runs == [1]

    def test_a_message_that_two_workers_get_at_once_runs_its_task_once(
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
        messages = [kit.message(handlers.wake(task), "fast") for _ in others]
        with ThreadPoolExecutor(4) as pool:
            runs = [
                pool.submit(worker.run_batch, [message], "fast", kit.clock() + timedelta(seconds=120))
                for worker, message in zip(others, messages, strict=True)
            ]
            assert started.wait(PATIENCE)
            # A delivery during the live lease is acked and changes nothing.
            before = row(kit, task["id"])
            assert handlers.run(task) == []
            assert row(kit, task["id"]) == before
            release.set()
            assert [run.result(PATIENCE) for run in runs] == [[], [], []]
        assert script.runs == [1]
        assert kit.get(task["id"])["result"] == "once"

    def test_an_early_message_starts_nothing(self, kit: Kit, handlers: Handlers, script: Script) -> None:
        task = kit.create("test.fast", delay_seconds=600)
        assert handlers.run(task) == []
        assert kit.get(task["id"])["status"] == "scheduled"
        kit.clock.advance(600)
        handlers.run(task)
        assert kit.get(task["id"])["status"] == "succeeded"

    def test_a_late_message_starts_nothing(self, kit: Kit, handlers: Handlers, script: Script) -> None:
        task = kit.create("test.fast", expires_at=kit.clock() + timedelta(seconds=60))
        kit.clock.advance(60)
        assert handlers.run(task) == []
        assert script.runs == []

    def test_a_task_that_ended_is_not_run_again(self, kit: Kit, handlers: Handlers, script: Script) -> None:
        task = kit.create("test.fast")
        handlers.run(task)
        assert handlers.run(task) == []
        assert script.runs == [1]


class TestLostReply:
    """The write happened, its reply was lost, and the SDK sent it again."""

    def test_a_claim_knows_itself_again(self, kit: Kit, handlers: Handlers, script: Script) -> None:
        task = kit.create("test.fast", {"text": "a" * 2000})
        wire = Wire(kit.services)
        wire.lose_reply("UpdateItem")

        assert handlers.run(task) == []

        done = kit.get(task["id"])
        assert (done["status"], done["attempt"], len(done["attempts"])) == ("succeeded", 1, 1)

    @pytest.mark.parametrize("error", [None, ValueError("try again"), SystemExit(3)])
    def test_a_finish_knows_itself_again(
        self, kit: Kit, handlers: Handlers, script: Script, error: BaseException | None
    ) -> None:
        task = kit.create("test.fast")
        wire = Wire(kit.services)

        def work(payload: Any, context: TaskContext) -> None:
            wire.lose_reply("UpdateItem")
            if error is not None:
                raise error

        script.work = work
        kept = handlers.run(task)

        done = kit.get(task["id"])
        assert (done["status"], kept) == (("succeeded", []) if error is None else ("retrying", ["m0"]))
        assert done["version"] == 3

    def test_a_death_whose_reply_was_lost_is_reported(
        self, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        task = kit.create("test.fast", max_attempts=1)
        wire = Wire(kit.services)

        def work(payload: Any, context: TaskContext) -> None:
            wire.lose_reply("UpdateItem")
            raise ValueError

        script.work = work
        assert handlers.run(task) == []
        assert len(take_messages(kit, "dead-letters")) == 1
        assert kit.get(task["id"])["dead_lettered_at"] is not None


def _progress(context: TaskContext) -> None:
    context.progress(99)


def _failure(context: TaskContext) -> None:
    raise ValueError("the zombie's")


class TestZombie:
    """A container froze in the middle of a run, the sweep gave its task to another, and it thaws."""

    @pytest.mark.parametrize("last_act", [lambda context: "z" * 3000, _progress, _failure])
    @pytest.mark.parametrize("outcome", ["running", "succeeded", "retrying"])
    def test_it_can_write_nothing(
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
        message = kit.message(handlers.wake(task), "fast")
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
            winner = pool.submit(handlers.run, task)
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


class TestProgress:
    def test_it_is_stored_once_a_second_at_most_and_the_last_with_the_outcome(
        self, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        def work(payload: Any, context: TaskContext) -> None:
            for percent in range(8):
                context.progress(percent, f"step {percent}")
                kit.clock.advance(0.3)

        script.work = work
        task = kit.create("test.fast")
        wire = Wire(kit.services)

        handlers.run(task)

        # At 0, 1.2 and (0.9 s later is too soon) no other; the claim and the outcome are two more.
        assert len(wire.sent("UpdateItem")) == 2 + 2
        done = kit.get(task["id"])
        assert done["progress"] == {"percent": 7.0, "message": "step 7"}
        assert done["version"] == 5

    def test_it_renews_the_lease(self, kit: Kit, handlers: Handlers, script: Script) -> None:
        deadlines: list[float] = []

        def work(payload: Any, context: TaskContext) -> str:
            for _ in range(2):
                deadlines.append(context.remaining_seconds())
                kit.clock.advance(40)
                context.progress(50)
            return "in 80 s, with a timeout of 60"

        script.work = work
        task = kit.create("test.fast")
        handlers.run(task)
        assert kit.get(task["id"])["status"] == "succeeded"
        assert deadlines == [60, 60]

    def test_it_never_shortens_the_lease(self, kit: Kit, handlers: Handlers, script: Script) -> None:
        script.work = lambda payload, context: context.progress(50)
        task = kit.create("test.fast")
        handlers.context = LambdaContext(milliseconds=30_000)
        assert handlers.run(task) == []
        assert kit.get(task["id"])["status"] == "succeeded"

    def test_threads_of_a_run_may_report_at_once(self, kit: Kit, handlers: Handlers, script: Script) -> None:
        together = Barrier(8)

        def report(context: TaskContext, percent: int) -> None:
            together.wait(PATIENCE)
            context.progress(percent)

        def work(payload: Any, context: TaskContext) -> None:
            with ThreadPoolExecutor(8) as pool:
                list(pool.map(partial(report, context), range(8)))

        script.work = work
        task = kit.create("test.fast")
        wire = Wire(kit.services)
        handlers.run(task)
        assert len(wire.sent("UpdateItem")) == 3

    @pytest.mark.parametrize("percent", [float("nan"), float("inf")])
    def test_a_percentage_that_is_no_number_is_the_runs_own_fault(
        self, kit: Kit, handlers: Handlers, script: Script, percent: float
    ) -> None:
        script.work = lambda payload, context: context.progress(percent)
        task = kit.create("test.fast")
        handlers.run(task)
        assert kit.get(task["id"])["error"]["type"] == "ValueError"

    def test_the_next_attempt_starts_without_it(self, kit: Kit, handlers: Handlers, script: Script) -> None:
        def work(payload: Any, context: TaskContext) -> None:
            context.progress(80)
            raise ValueError

        script.work = work
        task = kit.create("test.fast")
        handlers.run(task)
        assert kit.get(task["id"])["progress"]["percent"] == 80
        kit.clock.advance(1)
        script.returns(None)
        handlers.run(task)
        assert kit.get(task["id"])["progress"] is None


class TestTimeout:
    def test_a_run_past_its_deadline_is_recorded_then_the_others_then_the_process_ends(
        self, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        recorded, release, lost = Event(), Event(), Event()
        ended_before_the_other_was_done: list[int] = []

        def work(payload: Any, context: TaskContext) -> str:
            if payload.number == 0:
                kit.clock.advance(61)
                assert release.wait(PATIENCE)
                try:
                    context.progress(100)
                except LeaseLost:
                    lost.set()
                    raise
            else:
                assert recorded.wait(PATIENCE)
                ended_before_the_other_was_done.append(kit.ended_processes)
            return "done"

        script.work = work
        stuck = kit.create("test.fast")
        other = kit.create("test.fast", {"number": 1}, timeout_seconds=100)
        wire = Wire(kit.services)
        wire.before("ChangeMessageVisibility", recorded.set)

        assert handlers.run_tasks(handlers.wake(stuck), handlers.wake(other)) == ["m0"]

        timed_out = kit.get(stuck["id"])
        assert (timed_out["status"], timed_out["error"]["kind"]) == ("retrying", "timeout")
        assert kit.get(other["id"])["status"] == "succeeded"
        assert ended_before_the_other_was_done == [0]
        assert kit.ended_processes == 1
        release.set()
        assert lost.wait(PATIENCE)
        assert kit.get(stuck["id"]) == timed_out

    def test_the_last_attempt_dies_of_it(self, kit: Kit, handlers: Handlers, script: Script) -> None:
        release = Event()

        def work(payload: Any, context: TaskContext) -> None:
            kit.clock.advance(61)
            assert release.wait(PATIENCE)

        script.work = work
        task = kit.create("test.fast", max_attempts=1)
        assert handlers.run(task) == []
        release.set()
        failed = kit.get(task["id"])
        assert (failed["status"], failed["error"]["kind"]) == ("failed", "timeout")
        assert len(take_messages(kit, "dead-letters")) == 1

    def test_a_run_ends_with_its_invocation(self, kit: Kit, handlers: Handlers, script: Script) -> None:
        deadlines: list[float] = []
        script.work = lambda payload, context: deadlines.append(context.remaining_seconds())
        task = kit.create("test.fast")
        handlers.context = LambdaContext(milliseconds=30_000)
        handlers.run(task)
        assert deadlines == [20]


def test_a_zombies_result_lies_beside_the_winners_and_is_not_taken(
    kit: Kit, handlers: Handlers, script: Script
) -> None:
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
    assert handlers.run(task) == []

    assert kit.get(task["id"])["result"] == "2" * 2000
    assert documents(kit, task["id"]) == ["result#1", "result#2"]
