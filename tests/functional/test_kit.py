"""The kit as an author of task types uses it."""

from __future__ import annotations

import importlib
import sys
from datetime import timedelta

import pytest
from pydantic import BaseModel

from chalicelib.domain.outcomes import RetryAfter
from chalicelib.domain.task_types import TaskContext, TaskTypes
from testing.kit import Kit

types = TaskTypes()


class Greeting(BaseModel):
    name: str


@types.task_type("demo.greet", payload=Greeting, max_attempts=3)
def greet(payload: Greeting, context: TaskContext) -> str:
    """Greet somebody on the second attempt."""
    if context.attempt == 1:
        raise RetryAfter(3600, "still asleep")
    return f"Hello, {payload.name}"


def test_a_task_that_retries_after_an_hour_is_run_to_its_end() -> None:
    with Kit(types) as kit:
        before = kit.clock()
        task = kit.run("demo.greet", {"name": "Ada"})
        assert (task["status"], task["result"]) == ("succeeded", "Hello, Ada")
        assert [entry["outcome"] for entry in task["attempts"]] == ["failed", "succeeded"]
        assert kit.clock() == before + timedelta(hours=1)


def test_waiting_messages_are_listed_and_drained() -> None:
    with Kit(types) as kit:
        later = kit.create("demo.greet", {"name": "Bob"}, delay_seconds=60)
        soon = kit.create("demo.greet", {"name": "Eve"})
        assert [task.id for task in kit.waiting()] == [soon["id"], later["id"]]
        kit.drain()
        assert kit.waiting() == []
        assert kit.get(later["id"])["result"] == "Hello, Bob"


def test_a_task_can_be_run_in_single_steps() -> None:
    with Kit(types) as kit:
        task = kit.create("demo.greet", {"name": "Zoe"})
        kit.deliver(task)
        assert kit.get(task["id"])["error"]["message"] == "still asleep"
        kit.clock.advance(3600)
        assert kit.sweep() == 1
        kit.deliver(task)
        assert kit.get(task["id"])["status"] == "succeeded"


def test_two_kits_share_nothing() -> None:
    with Kit(types) as kit:
        kit.create("demo.greet", {"name": "Ann"})
    with Kit(types) as kit:
        assert kit.waiting() == []


def test_the_old_name_of_the_module_works_and_warns() -> None:
    sys.modules.pop("tests.kit", None)
    with pytest.warns(DeprecationWarning, match="from testing.kit import Kit"):
        old = importlib.import_module("tests.kit")
    assert old.Kit is Kit
