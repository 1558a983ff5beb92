"""The long lane behaves like the fast lane: another function runs the same service."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from chalicelib.domain.outcomes import NonRetryable
from chalicelib.domain.task_types import TaskContext
from testing.kit import Kit
from tests.functional.conftest import Handlers
from tests.support.aws_state import sent_tasks, take_messages
from tests.support.aws_wire import Wire
from tests.support.lambda_events import Delivery
from tests.support.scripted_types import Script


@dataclass(frozen=True)
class LaneUnderTest:
    """One lane: its tasks, and the function that runs them."""

    name: str
    function: str
    kit: Kit
    handlers: Handlers

    def create(self, payload: Any = None) -> dict[str, Any]:
        return self.kit.create(f"test.{self.name}", payload)

    def run(self, task: dict[str, Any]) -> Delivery:
        return self.handlers.run_tasks(self.handlers.message(task), handler=self.function)


@pytest.fixture(params=["fast", "long"])
def lane(request: pytest.FixtureRequest, kit: Kit, handlers: Handlers, script: Script) -> LaneUnderTest:
    function = {"fast": "run_tasks", "long": "run_long_tasks"}[request.param]
    return LaneUnderTest(request.param, function, kit, handlers)


def test_large_payloads_results_and_progress_are_stored(lane: LaneUnderTest, script: Script) -> None:
    def work(payload: Any, context: TaskContext) -> str:
        context.progress(50, "half of it")
        return str(payload.text).upper()

    script.work = work
    task = lane.create({"text": "a" * 5000})
    assert lane.run(task).acknowledged
    done = lane.kit.get(task["id"])
    assert (done["status"], done["result"]) == ("succeeded", "A" * 5000)
    assert done["progress"]["message"] == "half of it"


def test_a_failure_is_retried_by_the_same_message(lane: LaneUnderTest, script: Script) -> None:
    script.raises(ValueError("at first"))
    task = lane.create()
    assert not lane.run(task).acknowledged
    assert lane.kit.get(task["id"])["status"] == "retrying"


def test_a_final_failure_sends_a_dead_letter(lane: LaneUnderTest, script: Script) -> None:
    script.raises(NonRetryable("never"))
    task = lane.create()
    assert lane.run(task).acknowledged
    (letter,) = take_messages(lane.kit, "dead-letters")
    assert json.loads(letter["Body"])["id"] == task["id"]


def test_an_unrecognized_message_is_moved_to_the_dead_letter_queue(lane: LaneUnderTest) -> None:
    assert lane.handlers.run_tasks("<order/>", handler=lane.function).acknowledged
    (letter,) = take_messages(lane.kit, "dead-letters")
    assert letter["Body"] == "<order/>"


def test_the_owners_secret_is_read(lane: LaneUnderTest, script: Script) -> None:
    lane.kit.client("ssm").put_parameter(
        Name=lane.kit.settings.parameter("secrets/default/hooks"),
        Value=json.dumps({"value": "whsec_YQ==", "hosts": ["example.com"]}),
        Type="SecureString",
    )
    script.work = lambda payload, context: len(context.secret("hooks", "example.com"))
    task = lane.create()
    lane.run(task)
    assert lane.kit.get(task["id"])["result"] == len("whsec_YQ==")


def test_a_lost_message_is_sent_again_to_the_same_lane(lane: LaneUnderTest) -> None:
    task = lane.create()
    take_messages(lane.kit, lane.name)
    wire = Wire(lane.kit.services)
    lane.kit.clock.advance(120)
    lane.handlers.sweep()
    assert sent_tasks(wire) == [(task["id"], 0)]
    assert len(take_messages(lane.kit, lane.name)) == 1
