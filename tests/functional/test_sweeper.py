"""The sweep: its action on each due row, and the rows that it leaves alone."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.outcomes import RetryAfter
from chalicelib.domain.pauses import PARKING_BUCKETS
from testing.kit import Kit
from tests.functional.conftest import Handlers
from tests.support.aws_state import kill_worker, row, sent_tasks, take_messages
from tests.support.aws_wire import Crash, Wire
from tests.support.scripted_types import Script


def seconds_until_due(kit: Kit, task: dict[str, Any]) -> float:
    due_at = row(kit, task["id"]).due_at
    assert due_at is not None
    return (due_at - kit.clock()).total_seconds()


class TestLostMessage:
    def test_nothing_is_sent_early(self, kit: Kit, handlers: Handlers, script: Script) -> None:
        kit.create("test.fast")
        wire = Wire(kit.services)
        kit.clock.advance(119)
        handlers.sweep()
        buckets = kit.settings.due_buckets * (1 + PARKING_BUCKETS)
        assert wire.counts() == {"Query": buckets + 2}  # for pauses that ended and redrives that go on, too

    def test_it_is_sent_again_with_growing_intervals(
        self, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        task = kit.create("test.fast")
        wire = Wire(kit.services)
        waits = []
        for _ in range(6):
            kit.clock.advance(seconds_until_due(kit, task))
            handlers.sweep()
            waits.append(seconds_until_due(kit, task))
        assert waits == [120, 240, 480, 900, 900, 900]
        assert sent_tasks(wire) == [(task["id"], 0)] * 6
        assert kit.get(task["id"])["version"] == 1  # the public sees no change

    def test_a_retry_is_checked_a_minute_later_at_least(
        self, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        script.raises(RetryAfter(200))
        task = kit.create("test.fast")
        handlers.run(task)
        kit.clock.advance(210)
        handlers.sweep()
        assert seconds_until_due(kit, task) == 60

    def test_a_lost_message_delays_a_retry_and_loses_nothing(
        self, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        """As with a mapping without ReportBatchItemFailures."""
        script.work = lambda payload, context: context.attempt / (context.attempt - 1)
        task = kit.create("test.fast")
        assert not handlers.run(task).acknowledged
        take_messages(kit, "fast")

        kit.clock.advance(121)
        handlers.sweep()
        [message] = take_messages(kit, "fast")
        handlers.run_tasks(message["Body"])
        assert kit.get(task["id"])["result"] == 2

    def test_a_crash_between_write_and_send_is_repaired(
        self, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        task = kit.create("test.fast")
        take_messages(kit, "fast")
        wire = Wire(kit.services)
        kit.clock.advance(120)
        wire.crash_before("SendMessageBatch")
        with pytest.raises(Crash):
            handlers.sweep()
        assert take_messages(kit, "fast") == []

        kit.clock.advance(120)
        handlers.sweep()
        [message] = take_messages(kit, "fast")
        assert json.loads(message["Body"])["id"] == task["id"]

    def test_two_sweeps_at_once_send_one_message(self, kit: Kit, handlers: Handlers, script: Script) -> None:
        kit.create("test.fast")
        take_messages(kit, "fast")
        other = kit.new_services()
        Wire(kit.services).before("UpdateItem", lambda: other.sweeper.sweep(kit.clock() + timedelta(60)))
        kit.clock.advance(120)
        handlers.sweep()
        assert len(take_messages(kit, "fast")) == 1


class TestLongWaits:
    @pytest.mark.parametrize("wait", [timedelta(minutes=20), timedelta(days=3)])
    def test_a_delay_of_any_length_is_kept(
        self, kit: Kit, handlers: Handlers, script: Script, wait: timedelta
    ) -> None:
        wire = Wire(kit.services)
        task = kit.create("test.fast", delay_seconds=wait.total_seconds())
        assert "SendMessage" not in wire.counts()
        assert seconds_until_due(kit, task) == wait.total_seconds() - 120

        kit.clock.advance(wait.total_seconds() - 90.5)
        handlers.sweep()
        assert sent_tasks(wire) == [(task["id"], 91)]
        assert seconds_until_due(kit, task) == 90.5 + 120
        assert kit.get(task["id"])["status"] == "scheduled"

        kit.clock.advance(91)
        handlers.run(task)
        assert kit.get(task["id"])["status"] == "succeeded"

    def test_a_task_whose_start_was_missed_is_queued(
        self, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        task = kit.create("test.fast", delay_seconds=1200)
        wire = Wire(kit.services)
        kit.clock.advance(1201)
        handlers.sweep()
        queued = kit.get(task["id"])
        assert (queued["status"], queued["version"], queued["queued_at"]) == (
            "queued",
            2,
            queued["updated_at"],
        )
        assert sent_tasks(wire) == [(task["id"], 0)]

    def test_a_task_that_is_due_too_early_is_checked_shortly_before_its_start(
        self, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        task = kit.create("test.fast")
        script.raises(RetryAfter(1000))
        handlers.run(task)
        table, seen = kit.services.adapters.task_table, row(kit, task["id"])
        table.replace_due(seen, seen.check_again(kit.clock(), kit.clock()))
        wire = Wire(kit.services)
        handlers.sweep()
        assert seconds_until_due(kit, task) == 1000 - 120
        assert sent_tasks(wire) == []

    def test_a_retry_in_200_seconds_starts_on_the_second(
        self, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        script.raises(RetryAfter(200))
        task = kit.create("test.fast")
        handlers.run(task)
        wire = Wire(kit.services)
        for _ in range(3):
            kit.clock.advance(60)
            handlers.sweep()
        assert sent_tasks(wire) == [(task["id"], 80)]


class TestExpiry:
    def test_a_task_that_nobody_started_in_time_expires(
        self, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        task = kit.create("test.fast", expires_at=kit.clock() + timedelta(seconds=30))
        kit.clock.advance(30)
        handlers.sweep()
        expired = kit.get(task["id"])
        assert (expired["status"], expired["finished_at"]) == ("expired", expired["updated_at"])
        assert row(kit, task["id"]).due_at is None

    def test_a_retry_expires_when_it_should_and_not_when_it_would_start(
        self, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        script.raises(RetryAfter(5000))
        task = kit.create("test.fast", expires_at=kit.clock() + timedelta(seconds=600))
        handlers.run(task)
        kit.clock.advance(600)
        handlers.sweep()
        assert kit.get(task["id"])["status"] == "expired"


class TestLostWorker:
    def test_a_killed_worker_costs_an_attempt_and_time(
        self, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        task = kit.create("test.fast")
        kill_worker(kit, task)
        wire = Wire(kit.services)
        kit.clock.advance(120)
        handlers.sweep()

        retried = kit.get(task["id"])
        assert (retried["status"], retried["error"]["kind"], retried["attempt"]) == ("retrying", "crashed", 1)
        assert retried["attempts"][0]["outcome"] == "failed"
        assert sent_tasks(wire) == [(task["id"], 1)]
        assert seconds_until_due(kit, task) == 0.5 + 120

        kit.clock.advance(1)
        handlers.run(task)
        done = kit.get(task["id"])
        assert (done["status"], done["attempt"]) == ("succeeded", 2)

    def test_a_backoff_too_long_for_the_queue_has_no_message(self, script: Script) -> None:
        with Kit(script.types, backoff_base_seconds=4000, backoff_cap_seconds=4000) as kit:
            task = kit.create("test.fast")
            kill_worker(kit, task)
            kit.clock.advance(120)
            wire = Wire(kit.services)
            kit.sweep()
            assert sent_tasks(wire) == []
            assert seconds_until_due(kit, task) == 2000 - 120

    def test_a_live_lease_is_left_alone_until_it_ends(
        self, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        task = kit.create("test.long")
        kill_worker(kit, task)
        before = kit.get(task["id"])
        kit.clock.advance(120)
        handlers.sweep()
        assert kit.get(task["id"]) == before
        assert seconds_until_due(kit, task) == 600 + 15 - 120

    def test_a_lost_last_attempt_fails_the_task_and_sends_its_dead_letter(
        self, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        task = kit.create("test.fast", max_attempts=1)
        kill_worker(kit, task)
        kit.clock.advance(120)
        handlers.sweep()
        failed = kit.get(task["id"])
        assert (failed["status"], failed["error"]["kind"]) == ("failed", "crashed")
        assert failed["dead_lettered_at"] is not None
        [letter] = take_messages(kit, "dead-letters")
        assert letter["MessageAttributes"]["error_kind"]["StringValue"] == "crashed"

    def test_a_cancel_that_the_lost_worker_never_saw_is_applied(
        self, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        task = kit.create("test.fast")
        kill_worker(kit, task)
        kit.services.tasks.cancel(kit.owner, task["id"])
        kit.clock.advance(120)
        handlers.sweep()
        assert kit.get(task["id"])["status"] == "canceled"
        assert take_messages(kit, "dead-letters") == []


class TestUnsentDeadLetter:
    def test_an_unsent_dead_letter_is_sent(self, kit: Kit, handlers: Handlers, script: Script) -> None:
        script.raises(ValueError())
        task = kit.create("test.fast", max_attempts=1)
        wire = Wire(kit.services)
        wire.crash_before("SendMessage")
        with pytest.raises(Crash):
            handlers.run(task)
        assert kit.get(task["id"])["dead_lettered_at"] is None

        handlers.sweep()
        handlers.sweep()
        assert len(take_messages(kit, "dead-letters")) == 1
        assert kit.get(task["id"])["dead_lettered_at"] is not None

    def test_a_crash_after_the_send_repeats_it(self, kit: Kit, handlers: Handlers, script: Script) -> None:
        task = kit.create("test.fast", max_attempts=1)
        kill_worker(kit, task)
        kit.clock.advance(120)
        Wire(kit.services).crash_before(
            "UpdateItem", when=lambda request: "redrive_count" in request["ConditionExpression"]
        )
        with pytest.raises(Crash):
            handlers.sweep()
        handlers.sweep()
        letters = take_messages(kit, "dead-letters")
        assert [json.loads(letter["Body"])["id"] for letter in letters] == [task["id"]] * 2
        assert row(kit, task["id"]).due_at is None
