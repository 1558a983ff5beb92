"""A bounced message whose task changes between the monitor's read of the row and its write."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

from chalicelib.domain.task import ErrorKind, TaskError
from testing.kit import Kit
from tests.functional.conftest import Handlers
from tests.support.aws_state import claim, row, send_message
from tests.support.aws_wire import Wire
from tests.support.scripted_types import Script


class TestConcurrentChange:
    def test_a_task_that_was_attempted_meanwhile_is_left_alone(
        self, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        task = kit.create("test.fast")
        other, error = kit.new_services(), TaskError.of(ErrorKind.EXCEPTION, "oops")

        def fail_once() -> None:
            claimed = claim(other, kit, task["id"])
            after = claimed.retry_later(kit.clock(), error, timedelta(seconds=1), timedelta(seconds=120))
            other.adapters.task_table.finish_many([(claimed, after, True)])

        self._bounce(kit, handlers, task["id"], fail_once)
        assert row(kit, task["id"]).status == "retrying"

    def test_a_task_that_was_canceled_meanwhile_is_left_alone(
        self, kit: Kit, handlers: Handlers, script: Script
    ) -> None:
        task = kit.create("test.fast")
        other = kit.new_services().tasks
        self._bounce(kit, handlers, task["id"], lambda: other.cancel(kit.owner, task["id"]))
        assert row(kit, task["id"]).status == "canceled"

    @staticmethod
    def _bounce(kit: Kit, handlers: Handlers, task_id: str, meanwhile: Callable[[], object]) -> None:
        send_message(kit, "dead-letters", json.dumps({"owner": kit.owner, "id": task_id, "lease": 0}))
        wire = Wire(kit.services)
        wire.before("UpdateItem", meanwhile)
        handlers.watch_dead_letters()
        assert len(wire.sent("UpdateItem")) == 1
