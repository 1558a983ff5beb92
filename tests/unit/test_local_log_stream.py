"""The functions' logs come in order, each line once."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from local.log_stream import OVERLAP_MS, LogStream

PREFIX = "/aws/lambda/task-service-local"


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.seconds = time.time()  # CloudWatch refuses events that are weeks away from its own clock

    def __call__(self) -> float:
        return self.seconds


class Functions:
    """What Lambda does with the logs: each invocation writes its lines at once, into a stream of its own."""

    def __init__(self, logs: Any) -> None:
        self._logs = logs
        self._numbers = itertools.count()
        self._groups: set[str] = set()

    def write(self, function: str, at: float, *lines: str) -> None:
        group, stream = f"{PREFIX}{function}", f"invocation-{next(self._numbers)}"
        if group not in self._groups:
            self._logs.create_log_group(logGroupName=group)
            self._groups.add(group)
        self._logs.create_log_stream(logGroupName=group, logStreamName=stream)
        events = [{"timestamp": int(at * 1000), "message": line} for line in lines]
        self._logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)


@pytest.fixture
def logs() -> Iterator[Any]:
    with mock_aws():
        yield boto3.client("logs", "us-east-1", aws_access_key_id="test", aws_secret_access_key="test")


def texts(stream: LogStream) -> list[str]:
    return [line.text for line in stream.read_new()]


def test_the_lines_of_all_functions_come_in_the_order_of_time(logs: Any) -> None:
    clock = Clock()
    functions, stream = Functions(logs), LogStream(logs, PREFIX, clock)
    functions.write("-run_tasks", clock() + 2, "second", "third")
    functions.write("", clock() + 1, "first")
    assert [(line.function, line.text) for line in stream.read_new()] == [
        ("api", "first"),
        ("run_tasks", "second"),
        ("run_tasks", "third"),
    ]


def test_no_line_comes_twice(logs: Any) -> None:
    clock = Clock()
    functions, stream = Functions(logs), LogStream(logs, PREFIX, clock)
    functions.write("-sweep", clock() + 1, "swept")
    assert texts(stream) == ["swept"]
    clock.seconds += 1
    assert texts(stream) == []


def test_a_line_that_appears_late_is_not_missed(logs: Any) -> None:
    clock = Clock()
    functions, stream = Functions(logs), LogStream(logs, PREFIX, clock)
    clock.seconds += 10
    functions.write("-sweep", clock(), "on time")
    assert texts(stream) == ["on time"]
    functions.write("-sweep", clock() - OVERLAP_MS / 2000, "late")
    assert texts(stream) == ["late"]


def test_what_was_written_before_is_not_shown(logs: Any) -> None:
    clock = Clock()
    functions = Functions(logs)
    functions.write("-sweep", clock() - 1, "of the last run")
    stream = LogStream(logs, PREFIX, clock)
    assert texts(stream) == []
    assert texts(stream) == []
