"""Dead letters: their messages and records, and other messages in the queue."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.dead_letters import (
    EXCERPT_CHARACTERS,
    QUARANTINED,
    DeadLetter,
    DeadLetterRecord,
    DeadMessage,
)
from chalicelib.domain.documents import Document
from chalicelib.domain.task import Task
from tests.support.examples import ERROR, KEEP, LATER, NOW, TASK_ID, a_running_task, errors, json_values


def a_death(**fields: Any) -> Task:
    return replace(a_running_task().fail(NOW, ERROR, KEEP), **fields)


LETTER = DeadLetter.of(a_death())
PLAIN: dict[str, Any] = json.loads(LETTER.body())


def a_message(body: str, original: str | None = None) -> DeadMessage:
    return DeadMessage(
        message_id="m1", receipt_handle="r", body=body, sent_at=NOW, original_message_id=original
    )


class TestLetter:
    def test_it_has_the_task_and_the_error(self) -> None:
        assert PLAIN == {
            "owner": "default",
            "id": TASK_ID,
            "redrive_count": 0,
            "type": "demo.sleep",
            "attempt": 1,
            "error": {"kind": "exception", "type": "ValueError", "message": "it broke"},
            "failed_at": "2026-01-31T12:00:00.000Z",
        }

    def test_it_has_no_payload(self) -> None:
        assert "s3cret" not in DeadLetter.of(a_death(payload=Document.of("s3cret"))).body()

    def test_each_redrive_count_has_its_own_key(self) -> None:
        assert LETTER.key == f"{TASK_ID}#0"
        assert DeadLetter.of(a_death(redrive_count=2)).key == f"{TASK_ID}#2"

    @given(errors)
    def test_a_dead_letter_is_read_back(self, error: Any) -> None:
        letter = DeadLetter.of(a_death(error=error))
        assert DeadLetter.parse(letter.body()) == letter

    def test_fields_of_newer_code_are_ignored(self) -> None:
        assert DeadLetter.parse(json.dumps({**PLAIN, "colour": "blue"})) == LETTER


class TestUnrecognizedMessages:
    @pytest.mark.parametrize("name", PLAIN)
    def test_every_field_is_needed(self, name: str) -> None:
        assert DeadLetter.parse(json.dumps({k: v for k, v in PLAIN.items() if k != name})) is None

    @pytest.mark.parametrize("name", PLAIN)
    def test_every_field_has_its_type(self, name: str) -> None:
        assert DeadLetter.parse(json.dumps({**PLAIN, name: None})) is None
        assert DeadLetter.parse(json.dumps({**PLAIN, name: ["x"]})) is None

    @pytest.mark.parametrize(
        "error", [{}, {"kind": "x"}, {"kind": "x", "type": 1, "message": "m"}, {"kind": "x", "type": "t"}]
    )
    def test_an_error_has_kind_type_and_message(self, error: dict[str, Any]) -> None:
        assert DeadLetter.parse(json.dumps({**PLAIN, "error": error})) is None

    @pytest.mark.parametrize(
        "body",
        [
            "",
            "hello",
            "null",
            "[]",
            "[" * 100_000,
            json.dumps({"owner": "ada", "id": TASK_ID, "lease": 1}),
            json.dumps({**PLAIN, "id": "nope"}),
        ],
    )
    def test_other_messages_are_unrecognized(self, body: str) -> None:
        assert DeadLetter.parse(body) is None

    @given(json_values | st.dictionaries(st.sampled_from(list(PLAIN)), json_values))
    def test_any_json_is_read_or_refused(self, value: Any) -> None:
        assert DeadLetter.parse(json.dumps(value)) is None


class TestRecord:
    def test_a_dead_letter_is_recorded_under_its_key(self) -> None:
        record = DeadLetterRecord.of(LETTER, LATER)
        assert record == DeadLetterRecord(
            key=LETTER.key,
            owner="default",
            kind="exception",
            type="demo.sleep",
            error_type="ValueError",
            message="it broke",
            attempt=1,
            failed_at="2026-01-31T12:00:00.000Z",
            recorded_at=LATER,
        )

    @pytest.mark.parametrize(("original", "key"), [("m0", "m0"), (None, "m1")])
    def test_an_unrecognized_message_is_recorded_under_its_message_id(
        self, original: str | None, key: str
    ) -> None:
        record = DeadLetterRecord.quarantined(a_message("hello", original), LATER)
        assert (record.key, record.kind, record.message) == (key, QUARANTINED, "hello")

    @pytest.mark.parametrize("body", ["x" * 10_000, "é" * 10_000, "\ud800" * 10_000])
    def test_only_its_start_is_recorded(self, body: str) -> None:
        message = DeadLetterRecord.quarantined(a_message(body), LATER).message
        assert len(message) == EXCERPT_CHARACTERS
        assert message.encode()
