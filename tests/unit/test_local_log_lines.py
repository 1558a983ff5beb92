"""A log line is shown as a person reads it."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from local.log_lines import render

AT = datetime(2026, 1, 2, 3, 4, 5, 678000, UTC)


def shown(line: str) -> str:
    text = render("run_tasks", line, AT)
    assert text is not None
    return text.plain


def test_a_json_line_is_shown_as_time_function_sentence_and_details() -> None:
    entry = {
        "timestamp": "2026-01-02T03:04:05.601Z",
        "level": "INFO",
        "request_id": "8f5",
        "message": "Task finished",
        "action": "task_succeeded",
        "function": "run_tasks",
        "task_id": "0190",
        "attempt": 2,
    }
    clock = AT.astimezone().strftime("%H:%M:%S")
    sentence = "Task finished  task_succeeded  task_id=0190  attempt=2  request_id=8f5"
    expected = f"{clock}.601 run_tasks            {sentence}"
    assert shown(json.dumps(entry)) == expected


@pytest.mark.parametrize(
    "line",
    [
        "START RequestId: 8f5 Version: $LATEST",
        "END RequestId: 8f5",
        "REPORT RequestId: 8f5\tDuration: 3 ms",
        json.dumps({"_aws": {"Timestamp": 1}, "tasks_created": 1}),
        "",
    ],
)
def test_what_lambda_and_metrics_write_is_left_out(line: str) -> None:
    assert render("run_tasks", line, AT) is None


def test_what_is_not_json_is_shown_as_it_is() -> None:
    assert shown("Traceback (most recent call last):").endswith("Traceback (most recent call last):")
    assert shown("[1, 2]").endswith("[1, 2]")


def test_a_stack_trace_stands_below_its_line() -> None:
    text = shown(
        json.dumps({"level": "ERROR", "message": "Failed", "exception": "Traceback:\n  line", "id": 7})
    )
    assert text.endswith("Failed  id=7\nTraceback:\n  line")


def test_square_brackets_in_a_message_are_text_not_markup() -> None:
    assert shown(json.dumps({"message": "took [bold]5[/bold] s"})).endswith("took [bold]5[/bold] s")


def test_errors_stand_out() -> None:
    text = render("run_tasks", json.dumps({"level": "ERROR", "message": "Failed"}), AT)
    assert text is not None
    assert any("red" in str(span.style) for span in text.spans)
