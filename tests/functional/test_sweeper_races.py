"""Concurrent changes during a sweep: changed rows are left alone, and no row blocks another."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from chalicelib.domain.new_task import NewTask
from chalicelib.domain.task import Progress, Task
from testing.kit import Kit
from tests.functional.conftest import Handlers, open_kit
from tests.support.aws_state import break_row, kill_worker, row, sent_tasks, take_messages
from tests.support.aws_wire import Wire
from tests.support.recorded_calls import Calls
from tests.support.scripted_types import Script


class TestConcurrentChange:
    """The row changes between the sweep's read and its write: the sweep writes nothing."""

    def test_a_claimed_task_is_left_alone(self, kit: Kit, handlers: Handlers, script: Script) -> None:
        task = kit.create("test.fast")
        self._sweep(kit, handlers, 120, lambda: kill_worker(kit, task))
        assert kit.get(task["id"])["status"] == "running"

    def test_a_canceled_task_is_left_alone(self, kit: Kit, handlers: Handlers, script: Script) -> None:
        task = kit.create("test.fast", delay_seconds=60)
        other = kit.new_services().tasks
        self._sweep(kit, handlers, 180, lambda: other.cancel(kit.owner, task["id"]))
        assert kit.get(task["id"])["status"] == "canceled"

    def test_a_renewed_lease_is_left_alone(self, kit: Kit, handlers: Handlers, script: Script) -> None:
        task = kit.create("test.fast")
        kill_worker(kit, task)
        self._sweep(kit, handlers, 120, lambda: self._renew(kit, row(kit, task["id"])))
        assert kit.get(task["id"])["status"] == "running"

    def test_a_run_that_stopped(self, kit: Kit, handlers: Handlers, script: Script) -> None:
        task = kit.create("test.fast")
        other = kit.new_services()
        kill_worker(kit, task)
        running = row(kit, task["id"])
        done = running.stop(kit.clock(), timedelta(days=1))
        finish = other.adapters.task_table.finish_many
        self._sweep(kit, handlers, 120, lambda: finish([(running, done, False)]))
        assert kit.get(task["id"])["status"] == "canceled"
        assert row(kit, task["id"]).due_at is None

    def test_another_sweep_that_moved_only_the_due_time(
        self, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        task = kit.create("test.fast")
        seen, other = row(kit, task["id"]), kit.new_services().adapters.task_table
        later = kit.clock() + timedelta(days=1)
        self._sweep(kit, handlers, 120, lambda: other.replace_due(seen, seen.check_again(kit.clock(), later)))
        assert row(kit, task["id"]).due_at == later

    @staticmethod
    def _renew(kit: Kit, task: Task) -> None:
        kit.new_services().adapters.task_table.extend(
            task, Progress(percent=1), now=kit.clock(), lease_until=kit.clock() + timedelta(seconds=75)
        )

    @staticmethod
    def _sweep(kit: Kit, handlers: Handlers, after: float, meanwhile: Any) -> None:
        take_messages(kit, "fast")
        kit.clock.advance(after)
        Wire(kit.services).before("UpdateItem", meanwhile)
        handlers.sweep()
        assert take_messages(kit, "fast") == []


class TestManyRows:
    def test_an_unreadable_row_does_not_hide_others(self, script: Script, calls: Calls) -> None:
        with open_kit(calls, script.types, due_buckets=1) as kit:
            broken, *others = [kit.create("test.fast")["id"] for _ in range(4)]
            break_row(kit, broken)
            wire = Wire(kit.services)
            kit.clock.advance(120)
            Handlers(kit, calls).sweep()
            assert {name for name, _ in sent_tasks(wire)} == set(others)

    def test_the_error_of_one_row_does_not_affect_others(
        self, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        tasks = [kit.create("test.fast") for _ in range(3)]
        wire = Wire(kit.services)
        wire.refuse("UpdateItem", when=lambda request: request["Key"]["sk"]["S"] == tasks[0]["id"])
        kit.clock.advance(120)
        handlers.sweep()
        assert {name for name, _ in sent_tasks(wire)} == {task["id"] for task in tasks[1:]}

        handlers.sweep()
        assert len(sent_tasks(wire)) == 3

    def test_all_pages_are_swept_unless_time_runs_out(self, script: Script) -> None:
        with Kit(script.types, due_buckets=1) as kit:
            new_tasks = [NewTask(type="test.fast") for _ in range(101)]
            kit.services.task_creator.create_many(kit.owner, new_tasks)
            kit.clock.advance(120)
            wire = Wire(kit.services)
            wire.before("SendMessageBatch", lambda: kit.clock.advance(50))
            assert kit.sweep() == 100
            assert kit.sweep() == 1
            assert len({name for name, _ in sent_tasks(wire)}) == 101
