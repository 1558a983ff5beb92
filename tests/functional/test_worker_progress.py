"""During a run: progress renews its lease, and its deadline ends it."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from threading import Barrier, Event
from typing import Any

import pytest

from chalicelib.domain.outcomes import LeaseLost
from chalicelib.domain.task import Conflict, Progress
from chalicelib.domain.task_types import TaskContext
from testing.kit import Kit
from tests.functional.conftest import ROOT, Handlers
from tests.support.aws_state import kill_worker, row, take_messages
from tests.support.aws_wire import Wire
from tests.support.lambda_events import LambdaContext
from tests.support.scripted_types import Script

PATIENCE = 20  # seconds; nothing here takes as long unless it is broken


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
        assert handlers.run(task).acknowledged
        assert kit.get(task["id"])["status"] == "succeeded"

    def test_it_never_renews_the_lease_of_another_run(self, kit: Kit, script: Script) -> None:
        """Independent of clocks: an earlier run cannot renew the current lease."""
        task = kit.create("test.fast")
        kill_worker(kit, task)
        before = row(kit, task["id"])
        kit.clock.advance(120)
        kit.sweep()
        kit.clock.advance(1)
        kill_worker(kit, task)
        now = row(kit, task["id"])
        assert (before.lease, now.lease) == (1, 2)
        answer = kit.services.adapters.task_table.extend(
            before,
            Progress(percent=50.0, message="of the run before"),
            now=kit.clock(),
            lease_until=kit.clock() + timedelta(hours=1),
        )
        assert isinstance(answer, Conflict)
        assert row(kit, task["id"]) == now

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

    def test_no_thread_of_a_run_waits_for_the_report_of_another(
        self, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        wire = Wire(kit.services)

        def work(payload: Any, context: TaskContext) -> None:
            with ThreadPoolExecutor(1) as pool:

                def report() -> None:
                    pool.submit(context.progress, 60).result(PATIENCE)

                wire.before("UpdateItem", report)
                context.progress(50)

        script.work = work
        task = kit.create("test.fast")
        handlers.run(task)
        done = kit.get(task["id"])
        assert (done["status"], done["progress"]["percent"]) == ("succeeded", 60)

    @pytest.mark.parametrize("percent", [float("nan"), float("inf")])
    def test_a_percentage_that_is_not_a_number_fails_the_run(
        self, kit: Kit, handlers: Handlers, script: Script, percent: float
    ) -> None:
        script.work = lambda payload, context: context.progress(percent)
        task = kit.create("test.fast")
        handlers.run(task)
        assert kit.get(task["id"])["error"]["type"] == "ValueError"

    def test_a_message_that_is_not_text_is_stored_as_text(
        self, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        """Given progress too soon after the last one, so that it is stored with the outcome."""

        def work(payload: Any, context: TaskContext) -> None:
            context.progress(1, "reading")
            context.progress(2, b"line 2")  # type: ignore[arg-type]

        script.work = work
        tasks = [kit.create("test.fast") for _ in range(2)]
        assert handlers.run_tasks(*map(handlers.message, tasks)).acknowledged
        assert [kit.get(task["id"])["progress"]["message"] for task in tasks] == ["b'line 2'"] * 2

    def test_the_next_attempt_starts_without_progress(
        self, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
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
    def test_a_run_past_its_deadline_is_recorded_and_the_process_ends_after_the_others(
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

        assert handlers.run_tasks(handlers.message(stuck), handlers.message(other)).kept == ("m0",)

        timed_out = kit.get(stuck["id"])
        assert (timed_out["status"], timed_out["error"]["kind"]) == ("retrying", "timeout")
        assert kit.get(other["id"])["status"] == "succeeded"
        assert ended_before_the_other_was_done == [0]
        assert kit.ended_processes == 1
        release.set()
        assert lost.wait(PATIENCE)
        assert kit.get(stuck["id"]) == timed_out

    def test_progress_in_flight_does_not_extend_the_deadline(
        self, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        recording, reported = Event(), Event()
        reports: list[str] = []

        def work(payload: Any, context: TaskContext) -> None:
            try:
                context.progress(50)
            except LeaseLost:
                reports.append(f"lost, {context.remaining_seconds():g} s left")
            reported.set()

        def deadline_passes() -> None:
            kit.clock.advance(61)
            assert recording.wait(PATIENCE)

        def outcome_is_recorded() -> None:
            recording.set()
            assert reported.wait(PATIENCE)

        script.work = work
        task = kit.create("test.fast")
        wire = Wire(kit.services)
        wire.before("UpdateItem", deadline_passes, lambda sent: ":progress" in sent["UpdateExpression"])
        wire.before("UpdateItem", outcome_is_recorded, lambda sent: ":new_status" in sent["UpdateExpression"])
        handlers.run(task)
        assert reports == ["lost, 0 s left"]
        assert kit.get(task["id"])["status"] == "retrying"
        assert kit.ended_processes == 1

    def test_a_timeout_of_the_last_attempt_fails_the_task(
        self, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        release = Event()

        def work(payload: Any, context: TaskContext) -> None:
            kit.clock.advance(61)
            assert release.wait(PATIENCE)

        script.work = work
        task = kit.create("test.fast", max_attempts=1)
        assert handlers.run(task).acknowledged
        release.set()
        failed = kit.get(task["id"])
        assert (failed["status"], failed["error"]["kind"]) == ("failed", "timeout")
        assert len(take_messages(kit, "dead-letters")) == 1

    def test_a_run_ends_before_its_invocation(self, kit: Kit, handlers: Handlers, script: Script) -> None:
        deadlines: list[float] = []
        script.work = lambda payload, context: deadlines.append(context.remaining_seconds())
        task = kit.create("test.fast")
        handlers.context = LambdaContext(milliseconds=30_000)
        handlers.run(task)
        assert deadlines == [20]

    def test_metrics_are_printed_before_the_process_ends(self) -> None:
        code = (
            "from chalicelib import bootstrap, observability;"
            "metrics = observability.Metrics('test'); metrics.add('Told'); metrics.flush();"
            "bootstrap._end_process()"
        )
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
        ended = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, check=False
        )
        assert ended.returncode == 1
        assert b'"Told": 1' in ended.stdout
