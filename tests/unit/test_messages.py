"""Queue messages: task messages and unrecognized ones."""

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


def test_a_message_has_its_correlation_id() -> None:
    assert TaskMessage.parse(json.dumps({**BODY, "correlation_id": "t"})).correlation_id == "t"


def test_fields_of_newer_code_are_ignored() -> None:
    """During a deployment old code receives new messages."""
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
        json.dumps({**BODY, "owner": "a#b"}),
        json.dumps({**BODY, "owner": "a" * 129}),
        json.dumps({**BODY, "id": "nope"}),
        json.dumps({**BODY, "id": 5}),
        json.dumps({**BODY, "id": TASK_ID.upper()}),
        json.dumps({**BODY, "lease": "2"}),
        json.dumps({**BODY, "lease": True}),
        json.dumps({**BODY, "lease": 2.0}),
        json.dumps({**BODY, "lease": None}),
    ],
)
def test_a_message_without_a_row_key_is_unrecognized(body: str) -> None:
    with pytest.raises(UnrecognizedMessage):
        TaskMessage.parse(body)


@given(json_values | st.dictionaries(st.sampled_from(["owner", "id", "lease"]), json_values))
def test_any_json_is_read_or_refused(value: Any) -> None:
    with pytest.raises(UnrecognizedMessage):
        TaskMessage.parse(json.dumps(value))


@given(st.text())
def test_any_text_is_read_or_refused(body: str) -> None:
    with pytest.raises(UnrecognizedMessage):
        TaskMessage.parse(body)
