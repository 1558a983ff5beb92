"""Queue messages: what is ours, and what is not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.messages import TaskMessage, UnrecognizedMessage
from tests.support.examples import TASK_ID, json_values

BODY: dict[str, Any] = {"owner": "ada", "id": TASK_ID, "lease": 2}


def test_a_message_names_a_row() -> None:
    assert TaskMessage.parse(json.dumps(BODY)) == TaskMessage(owner="ada", task_id=TASK_ID, lease=2)


def test_a_message_carries_its_trace() -> None:
    assert TaskMessage.parse(json.dumps({**BODY, "correlation_id": "t"})).correlation_id == "t"


def test_fields_of_newer_code_are_passed_over() -> None:
    """During a deploy old code takes new messages."""
    assert (
        TaskMessage.parse(json.dumps({**BODY, "colour": "blue", "correlation_id": 5})).correlation_id is None
    )


@pytest.mark.parametrize(
    "body",
    [
        "",
        "hello",
        "[]",
        "null",
        "5",
        '"text"',
        "{}",
        "[" * 100_000,
        json.dumps({"owner": "ada", "id": TASK_ID}),
        json.dumps({**BODY, "owner": ""}),
        json.dumps({**BODY, "owner": None}),
        json.dumps({**BODY, "id": "nope"}),
        json.dumps({**BODY, "id": 5}),
        json.dumps({**BODY, "id": TASK_ID.upper()}),
        json.dumps({**BODY, "lease": "2"}),
        json.dumps({**BODY, "lease": True}),
        json.dumps({**BODY, "lease": 2.0}),
        json.dumps({**BODY, "lease": None}),
    ],
)
def test_what_names_no_row_is_not_ours(body: str) -> None:
    with pytest.raises(UnrecognizedMessage):
        TaskMessage.parse(body)


@given(json_values | st.dictionaries(st.sampled_from(["owner", "id", "lease"]), json_values))
def test_no_json_can_do_more_than_be_refused(value: Any) -> None:
    with pytest.raises(UnrecognizedMessage):
        TaskMessage.parse(json.dumps(value))


@given(st.text())
def test_no_text_can_do_more_than_be_refused(body: str) -> None:
    with pytest.raises(UnrecognizedMessage):
        TaskMessage.parse(body)
