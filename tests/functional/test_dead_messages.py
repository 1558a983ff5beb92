"""Other messages in the dead-letter queue: bounced task messages, and unrecognized messages."""

from __future__ import annotations

import json
from typing import Any

import pytest

from testing.kit import Kit
from tests.functional.conftest import Handlers
from tests.support.aws_state import break_row, kill_worker, send_message, take_messages
from tests.support.dead_letters import Alerts, failed_task, queue_depth, records
from tests.support.scripted_types import Script


class TestBounced:
    """Task messages that SQS gave up after ten deliveries."""

    def test_a_message_that_no_worker_ever_claimed_is_poison(
        self, kit: Kit, handlers: Handlers, script: Script, alerts: Alerts
    ) -> None:
        task = kit.create("test.fast")
        send_message(kit, "dead-letters", handlers.message(task))

        handlers.watch_dead_letters()
        failed = kit.get(task["id"])
        assert (failed["status"], failed["error"]["kind"], failed["attempts"]) == ("failed", "poison", [])
        assert alerts.take() == []

        handlers.sweep()
        handlers.watch_dead_letters()
        [alert] = alerts.take()
        assert f"{task['id']}#0 test.fast poison" in alert

    def test_a_message_that_was_kept_for_retries_fails_no_task(
        self, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        script.raises(ValueError("again"))
        task = kit.create("test.fast")
        bounced = handlers.message(task)
        handlers.run(task)
        send_message(kit, "dead-letters", bounced)
        handlers.watch_dead_letters()
        assert kit.get(task["id"])["status"] == "retrying"
        assert queue_depth(kit) == 0

    @pytest.mark.parametrize("end", ["running", "canceled", "redriven", "deleted"])
    def test_a_message_whose_task_changed_fails_no_task(
        self, kit: Kit, handlers: Handlers, script: Script, end: str
    ) -> None:
        task = kit.create("test.fast")
        bounced = handlers.message(task)
        tasks = kit.services.tasks
        if end == "running":
            kill_worker(kit, task)
        else:
            tasks.cancel(kit.owner, task["id"])
        if end == "redriven":
            tasks.retry(kit.owner, task["id"])
        if end == "deleted":
            tasks.delete(kit.owner, task["id"])
        send_message(kit, "dead-letters", bounced)
        handlers.watch_dead_letters()
        assert queue_depth(kit) == 0
        if end != "deleted":
            assert kit.get(task["id"])["status"] == {"redriven": "queued"}.get(end, end)

    def test_a_message_with_an_unreadable_row_stays_and_blocks_no_other(
        self, kit: Kit, handlers: Handlers, script: Script, alerts: Alerts
    ) -> None:
        broken = kit.create("test.fast")
        send_message(kit, "dead-letters", handlers.message(broken))
        task = failed_task(kit, handlers, script)
        break_row(kit, broken["id"])
        handlers.watch_dead_letters()
        assert list(records(kit)) == [f"{task['id']}#0"]
        assert queue_depth(kit) == 1


class TestUnrecognizedMessages:
    def test_it_is_recorded_under_its_message_id(
        self, kit: Kit, handlers: Handlers, script: Script, alerts: Alerts
    ) -> None:
        handlers.run_tasks("no message of ours")
        natively = send_message(kit, "dead-letters", "[1, 2")

        handlers.watch_dead_letters()

        assert records(kit) == {"m0": "quarantined", natively: "quarantined"}
        [alert] = alerts.take()
        assert "m0 message quarantined: no message of ours" in alert
        assert queue_depth(kit) == 0

    def test_a_body_that_resembles_a_dead_letter_is_unrecognized(
        self, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        failed_task(kit, handlers, script)
        [letter] = take_messages(kit, "dead-letters")
        handlers.run_tasks(letter["Body"])  # it came from a task queue
        handlers.watch_dead_letters()
        assert records(kit) == {"m0": "quarantined"}

    @pytest.mark.parametrize(
        "field", [{"owner": "x" * 3000}, {"redrive_count": 10**30}, {"type": "t" * 100_000}]
    )
    def test_a_body_too_large_for_a_key_is_unrecognized(
        self, kit: Kit, handlers: Handlers, script: Script, field: dict[str, Any]
    ) -> None:
        failed_task(kit, handlers, script)
        [letter] = take_messages(kit, "dead-letters")
        lookalike = send_message(kit, "dead-letters", json.dumps({**json.loads(letter["Body"]), **field}))
        handlers.watch_dead_letters()
        assert records(kit) == {lookalike: "quarantined"}
        assert queue_depth(kit) == 0
