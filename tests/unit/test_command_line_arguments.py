"""Payloads, durations and times as arguments."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer import BadParameter

from task_service_client.command_line.arguments import parse_duration, parse_payload, parse_time


class TestPayloads:
    @pytest.mark.parametrize(
        ("item", "payload"),
        [
            ("seconds=2", {"seconds": 2}),
            ("name=Ada", {"name": "Ada"}),
            ("zip=01234", {"zip": "01234"}),
            ('zip="1234"', {"zip": "1234"}),
            ("times=null", {"times": None}),
            ("deep=true", {"deep": True}),
            ('headers:={"a": "b"}', {"headers": {"a": "b"}}),
            ("url=https://example.com/?a=1", {"url": "https://example.com/?a=1"}),
            ("text=a:=b", {"text": "a:=b"}),
            ("empty=", {"empty": ""}),
            ("number=NaN", {"number": "NaN"}),
        ],
    )
    def test_a_value_is_json_if_it_is_valid_json_else_text(self, item: str, payload: dict[str, Any]) -> None:
        assert parse_payload([item], None) == payload

    def test_a_file_is_text_or_json(self, tmp_path: Path) -> None:
        file = tmp_path / "file"
        file.write_text("[1, 2]")
        assert parse_payload([f"csv=@{file}"], None) == {"csv": "[1, 2]"}
        assert parse_payload([f"list:=@{file}"], None) == {"list": [1, 2]}

    def test_fields_override_the_payload(self, tmp_path: Path) -> None:
        file = tmp_path / "payload.json"
        file.write_text('{"a": 1, "b": 2}')
        assert parse_payload(["b=3"], f"@{file}") == {"a": 1, "b": 3}
        assert parse_payload([], '{"a": 1}') == {"a": 1}

    @pytest.mark.parametrize(
        ("items", "whole", "words"),
        [
            (["seconds"], None, "name=value"),
            (["=2"], None, "name=value"),
            (["a:=nope"], None, "a is not valid JSON"),
            (["a:=NaN"], None, "NaN is not valid JSON"),
            (["a=@/nowhere"], None, "/nowhere cannot be read: No such file"),
            ([], "[1]", "not a JSON object"),
            ([], "{", "payload is not valid JSON"),
        ],
    )
    def test_the_error_names_an_invalid_field(self, items: list[str], whole: str | None, words: str) -> None:
        with pytest.raises(BadParameter, match=words):
            parse_payload(items, whole)

    def test_a_binary_file_is_refused(self, tmp_path: Path) -> None:
        file = tmp_path / "picture"
        file.write_bytes(b"\x89PNG\xff")
        with pytest.raises(BadParameter, match="it is not text"):
            parse_payload([f"a=@{file}"], None)


class TestTimes:
    @pytest.mark.parametrize(
        ("text", "seconds"),
        [("90", 90), ("1.5s", 1.5), ("250ms", 0.25), ("5m", 300), ("2h", 7200), ("1d", 86_400)],
    )
    def test_a_duration_has_a_unit(self, text: str, seconds: float) -> None:
        assert parse_duration(text) == seconds

    @pytest.mark.parametrize("text", ["", "soon", "-5", "5 weeks", "1e3"])
    def test_other_text_is_not_a_duration(self, text: str) -> None:
        with pytest.raises(BadParameter, match="duration"):
            parse_duration(text)

    def test_a_time_is_absolute_or_relative_to_now(self) -> None:
        assert parse_time("2026-01-31T12:00:00Z") == datetime(2026, 1, 31, 12, tzinfo=UTC)
        for text, expected in (("+5m", timedelta(minutes=5)), ("-2h", timedelta(hours=-2))):
            off = parse_time(text) - datetime.now(UTC) - expected
            assert abs(off.total_seconds()) < 5

    @pytest.mark.parametrize("text", ["", "tomorrow", "+", "-soon"])
    def test_other_text_is_not_a_time(self, text: str) -> None:
        with pytest.raises(BadParameter):
            parse_time(text)
