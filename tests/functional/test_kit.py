"""The kit as an author of task types uses it."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from chalicelib.bootstrap.services import Services
from chalicelib.domain.errors import Invalid
from chalicelib.domain.outcomes import RetryAfter
from chalicelib.domain.task_types import TaskContext, TaskTypes
from testing.kit import INVOCATION_SECONDS, Kit

types = TaskTypes()


class Greeting(BaseModel):
    name: str


@types.task_type("demo.greet", payload=Greeting, max_attempts=3)
def greet(payload: Greeting, context: TaskContext) -> str:
    """Greet somebody on the second attempt."""
    if context.attempt == 1:
        raise RetryAfter(3600, "still asleep")
    return f"Hello, {payload.name}"


class Nothing(BaseModel):
    pass


@types.task_type("demo.remaining", payload=Nothing, timeout_seconds=100)
@types.task_type("demo.remaining_long", payload=Nothing, lane="long", timeout_seconds=840)
def remaining(payload: Nothing, context: TaskContext) -> float:
    """Return the remaining time of the run."""
    return context.remaining_seconds()


class Broken(Kit):
    """Fails after its AWS is made."""

    def new_services(self, **options: Any) -> Services:
        raise TypeError("broken")


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


def test_a_second_open_kit_is_refused_and_the_first_goes_on() -> None:
    with Kit(types) as kit:
        with pytest.raises(RuntimeError, match="another kit is open: close it first"), Kit(types):
            pass
        assert kit.run("demo.greet", {"name": "Ada"})["status"] == "succeeded"
    with Kit(types) as kit:
        assert kit.run("demo.greet", {"name": "Bob"})["status"] == "succeeded"


def test_a_kit_that_fails_to_open_leaves_nothing_behind() -> None:
    with pytest.raises(TypeError), Broken(types):
        pass
    with Kit(types) as kit:
        assert kit.run("demo.greet", {"name": "Ada"})["status"] == "succeeded"


def test_a_wrong_payload_names_its_fields() -> None:
    with Kit(types) as kit:
        with pytest.raises(Invalid, match=r"does not fit the task type demo\.greet\. /payload/name: "):
            kit.run("demo.greet", {})
        with pytest.raises(Invalid, match=r"known are demo.greet, demo.remaining, demo.remaining_long"):
            kit.run("demo.nothing")


@pytest.mark.parametrize(("name", "seconds"), [("demo.remaining", 100), ("demo.remaining_long", 840)])
def test_a_task_has_the_time_of_its_lane(name: str, seconds: float) -> None:
    with Kit(types) as kit:
        task = kit.create(name)
        kit.deliver(task)
        assert kit.get(task["id"])["result"] == seconds


def test_the_invocations_last_as_long_as_the_functions() -> None:
    deployed = json.loads(Path(".chalice/config.json").read_text())["lambda_functions"]
    functions = {"fast": "run_tasks", "long": "run_long_tasks"}
    assert {lane: deployed[name]["lambda_timeout"] for lane, name in functions.items()} == INVOCATION_SECONDS


def test_the_old_name_of_the_module_works_and_warns() -> None:
    sys.modules.pop("tests.kit", None)
    with pytest.warns(DeprecationWarning, match="from testing.kit import Kit"):
        old = importlib.import_module("tests.kit")
    assert old.Kit is Kit


def test_a_users_test_that_imports_the_old_name_passes_with_a_warning(tmp_path: Path) -> None:
    """Warnings are errors in this repository; this one must not be, until the old name is removed."""
    file = tmp_path / "test_of_a_user.py"
    file.write_text("from tests.kit import Kit\n\n\ndef test_kit() -> None:\n    assert Kit\n")
    command = [sys.executable, "-m", "pytest", "-c", "pyproject.toml", "-p", "no:cacheprovider", str(file)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout
    assert "tests.kit is now testing.kit" in run.stdout
