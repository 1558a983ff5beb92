"""The monitor records each dead letter and sends an alert for it once, even after a crash."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chalicelib.services.maintenance.dead_letter_monitor import ALERT_LIMIT
from testing.kit import Kit
from tests.conftest import Printed
from tests.functional.conftest import Handlers, Http
from tests.support.aws_state import row, send_message, send_messages, take_messages
from tests.support.aws_wire import Crash, Wire
from tests.support.dead_letters import (
    Alerts,
    end_visibility_timeouts,
    fail_before_dead_letter,
    failed_task,
    queue_depth,
    records,
)
from tests.support.scripted_types import Script

ALERT_LIMIT_BYTES = 256 * 1024


@pytest.fixture
def wire(kit: Kit) -> Wire:
    return Wire(kit.services)


class TestDeadLetter:
    def test_one_alert_names_every_new_dead_letter_and_each_is_recorded(
        self, kit: Kit, handlers: Handlers, script: Script, alerts: Alerts
    ) -> None:
        tasks = [failed_task(kit, handlers, script, f"reason {number}") for number in range(3)]

        handlers.watch_dead_letters()

        [alert] = alerts.take()
        for number, task in enumerate(tasks):
            assert f"{task['id']}#0 test.fast exception: reason {number}" in alert
        assert records(kit) == {f"{task['id']}#0": "exception" for task in tasks}
        assert queue_depth(kit) == 0

    def test_the_next_run_sends_no_alert(
        self, kit: Kit, handlers: Handlers, script: Script, alerts: Alerts
    ) -> None:
        failed_task(kit, handlers, script)
        handlers.watch_dead_letters()
        alerts.take()
        handlers.watch_dead_letters()
        assert alerts.take() == []

    def test_a_copy_is_not_a_second_dead_letter(
        self, kit: Kit, handlers: Handlers, script: Script, alerts: Alerts
    ) -> None:
        failed_task(kit, handlers, script)
        [letter] = take_messages(kit, "dead-letters")
        for _ in range(3):
            send_message(kit, "dead-letters", letter["Body"])
        handlers.watch_dead_letters()
        send_message(kit, "dead-letters", letter["Body"])
        handlers.watch_dead_letters()
        assert len(alerts.take()) == 1
        assert queue_depth(kit) == 0

    def test_many_dead_letters_share_one_alert(
        self, kit: Kit, handlers: Handlers, script: Script, alerts: Alerts, printed: Printed
    ) -> None:
        failed_task(kit, handlers, script)
        [letter] = take_messages(kit, "dead-letters")
        self._send_copies(kit, letter, 26)
        handlers.watch_dead_letters()
        [alert] = alerts.take()
        assert alert.count("exception") == 26
        handlers.watch_dead_letters()
        assert [line["count"] for line in printed() if line.get("action") == "alert_published"] == [26]
        assert len(records(kit)) == 26
        assert queue_depth(kit) == 0

    def test_a_flood_is_split_into_alerts_of_the_size_that_sns_accepts(
        self, kit: Kit, handlers: Handlers, script: Script, alerts: Alerts
    ) -> None:
        failed_task(kit, handlers, script, "\N{SKULL}" * 300)
        [letter] = take_messages(kit, "dead-letters")
        self._send_copies(kit, letter, ALERT_LIMIT + 1)
        handlers.watch_dead_letters()
        texts = alerts.take()
        assert len(texts) == 2
        assert max(len(text.encode()) for text in texts) < ALERT_LIMIT_BYTES

    @staticmethod
    def _send_copies(kit: Kit, letter: dict[str, Any], count: int) -> None:
        fields = json.loads(letter["Body"])
        bodies = [json.dumps({**fields, "redrive_count": life}) for life in range(count)]
        send_messages(kit, "dead-letters", bodies)

    def test_it_never_sends_to_a_queue(
        self, kit: Kit, handlers: Handlers, script: Script, wire: Wire
    ) -> None:
        failed_task(kit, handlers, script)
        send_message(kit, "dead-letters", "what is this")
        send_message(kit, "dead-letters", handlers.message(kit.create("test.fast")))
        wire.forget()
        handlers.watch_dead_letters()
        assert not [name for name in wire.counts() if name.startswith("SendMessage")]

    def test_depth_and_age_are_measured(
        self, kit: Kit, handlers: Handlers, script: Script, capsys: pytest.CaptureFixture[str]
    ) -> None:
        failed_task(kit, handlers, script)
        kit.clock.advance(3600)
        capsys.readouterr()
        handlers.watch_dead_letters()
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" in line]
        [measured] = [line for line in lines if "DeadLetterAge" in line]
        assert measured["DeadLetterAge"] == pytest.approx(3600, abs=60)  # the queue has a clock of its own
        assert measured["DeadLetterDepth"] == 0
        assert [line["DeadLetters"] for line in lines if line.get("ErrorKind") == "exception"] == [1]

    def test_all_servers_of_the_queue_are_polled(self, kit: Kit) -> None:
        services = kit.new_services(poll_seconds=1)
        wire = Wire(services)
        wire.crash_before("ReceiveMessage")
        with pytest.raises(Crash):
            services.dead_letter_monitor.watch(kit.clock())
        assert wire.sent("ReceiveMessage")[0]["WaitTimeSeconds"] == 1


class TestCrash:
    @pytest.mark.parametrize(
        ("operation", "alert_count"), [("Publish", 1), ("PutItem", 2), ("DeleteMessageBatch", 1)]
    )
    def test_nothing_is_missing_and_only_the_same_key_is_repeated(
        self,
        *,
        kit: Kit,
        handlers: Handlers,
        script: Script,
        alerts: Alerts,
        wire: Wire,
        operation: str,
        alert_count: int,
    ) -> None:
        task = failed_task(kit, handlers, script)
        wire.crash_before(operation)
        with pytest.raises(Crash):
            handlers.watch_dead_letters()
        end_visibility_timeouts(kit, wire)

        handlers.watch_dead_letters()

        texts = alerts.take()
        assert len(texts) == alert_count
        assert all(f"{task['id']}#0" in text for text in texts)
        assert list(records(kit)) == [f"{task['id']}#0"]
        assert queue_depth(kit) == 0


class TestRedrive:
    def test_each_redrive_count_has_its_own_dead_letter_key(
        self, kit: Kit, http: Http, handlers: Handlers, script: Script, alerts: Alerts
    ) -> None:
        task = failed_task(kit, handlers, script)
        handlers.watch_dead_letters()
        lease = row(kit, task["id"]).lease

        answer = http.post(f"/tasks/{task['id']}/retry")
        assert (answer.status_code, answer.json_body["redrive_count"]) == (200, 1)
        assert row(kit, task["id"]).lease == lease + 1
        assert answer.json_body["dead_lettered_at"] is None
        handlers.run(task)
        handlers.watch_dead_letters()

        assert set(records(kit)) == {f"{task['id']}#0", f"{task['id']}#1"}
        first, second = alerts.take()
        assert (f"{task['id']}#0" in first, f"{task['id']}#1" in second) == (True, True)

    def test_a_retry_before_the_dead_letter_was_sent_sends_it(
        self, kit: Kit, http: Http, handlers: Handlers, script: Script, alerts: Alerts
    ) -> None:
        task = kit.create("test.fast", max_attempts=1)
        fail_before_dead_letter(kit, handlers, script, task)

        assert http.post(f"/tasks/{task['id']}/retry").status_code == 200
        handlers.watch_dead_letters()

        assert list(records(kit)) == [f"{task['id']}#0"]
        assert "unsent" in alerts.take()[0]

    def test_a_late_confirmation_does_not_affect_the_next_dead_letter(
        self, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        task = kit.create("test.fast", max_attempts=1)
        fail_before_dead_letter(kit, handlers, script, task)
        first_death = row(kit, task["id"])
        kit.services.tasks.retry(kit.owner, task["id"])
        fail_before_dead_letter(kit, handlers, script, task)
        table = kit.services.adapters.task_table
        table.confirm_dead_letter(first_death, first_death.dead_lettered(kit.clock()))
        assert kit.get(task["id"])["dead_lettered_at"] is None
        assert row(kit, task["id"]).due_at is not None
