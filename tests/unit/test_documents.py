"""Payloads and results: JSON that is stored and read back unchanged."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given

from chalicelib.domain.documents import (
    DEPTH_LIMIT,
    INLINE_LIMIT_BYTES,
    Document,
    nested_too_deep,
    to_json,
)
from tests.support.examples import json_text, json_values


def nested(levels: int, kind: str = "list") -> Any:
    value: Any = 0
    for _ in range(levels):
        value = [value] if kind == "list" else {"a": value}
    return value


class TestRoundTrip:
    @given(json_values)
    def test_a_value_is_read_back(self, value: Any) -> None:
        document = Document.of(value)
        assert document.value() == value
        assert document.text is not None
        assert document.size == len(document.text.encode())

    @given(json_text)
    def test_half_a_surrogate_pair_is_read_back(self, text: str) -> None:
        """It is valid JSON but not UTF-8: only its escape can be stored."""
        assert json.loads(to_json(text).encode()) == text

    @pytest.mark.parametrize(
        ("text", "stored"),
        [
            ("é\ud800", '"é\\ud800"'),
            ("\\\ud800", '"\\\\\\ud800"'),
            ("\udfff\x00", '"\\udfff\\u0000"'),
            ("😀", '"😀"'),
        ],
    )
    def test_only_the_half_surrogate_is_escaped(self, text: str, stored: str) -> None:
        """Other characters stay short: escaping all of them would triple a payload."""
        assert to_json(text) == stored

    def test_the_text_is_compact(self) -> None:
        assert to_json({"a": [1, 2.5, None, True]}) == '{"a":[1,2.5,null,true]}'


class TestRefusals:
    @pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), [float("nan")]])
    def test_values_without_json_are_refused(self, value: Any) -> None:
        with pytest.raises(ValueError, match="not JSON compliant"):
            Document.of(value)

    @pytest.mark.parametrize("value", [object(), {1, 2}, b"bytes", {"a": object()}])
    def test_other_objects_are_refused(self, value: Any) -> None:
        with pytest.raises(TypeError):
            Document.of(value)

    @pytest.mark.parametrize("kind", ["list", "object"])
    def test_nesting_has_a_limit(self, kind: str) -> None:
        Document.of(nested(DEPTH_LIMIT, kind))
        with pytest.raises(ValueError, match="nested more than 100 levels deep"):
            Document.of(nested(DEPTH_LIMIT + 1, kind))

    def test_any_depth_is_measured_without_recursion(self) -> None:
        assert nested_too_deep(nested(100_000))

    @given(json_values)
    def test_shallow_values_are_accepted(self, value: Any) -> None:
        assert not nested_too_deep(value)


class TestPlace:
    @pytest.mark.parametrize(
        ("letters", "apart"), [(INLINE_LIMIT_BYTES - 2, False), (INLINE_LIMIT_BYTES - 1, True)]
    )
    def test_a_document_over_the_limit_is_stored_separately(self, letters: int, apart: bool) -> None:
        assert Document.of("x" * letters).stored_apart is apart

    def test_the_size_is_counted_in_bytes(self) -> None:
        assert Document.of("é" * 600).stored_apart

    def test_a_document_whose_text_was_not_read_has_no_value(self) -> None:
        document = Document(None, 5000)
        assert document.missing
        assert document.value() is None
        assert document.loaded("[1]").value() == [1]
