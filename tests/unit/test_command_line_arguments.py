"""What is typed, as values."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer import BadParameter

from task_service_client.command_line.arguments import moment_of, payload_of, seconds_of


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
    def test_an_item_is_json_where_it_is_json(self, item: str, payload: dict[str, Any]) -> None:
        assert payload_of([item], None) == payload

    def test_a_file_is_text_or_json(self, tmp_path: Path) -> None:
        file = tmp_path / "file"
        file.write_text("[1, 2]")
        assert payload_of([f"csv=@{file}"], None) == {"csv": "[1, 2]"}
        assert payload_of([f"list:=@{file}"], None) == {"list": [1, 2]}

    def test_items_come_on_top_of_the_whole(self, tmp_path: Path) -> None:
        file = tmp_path / "payload.json"
        file.write_text('{"a": 1, "b": 2}')
        assert payload_of(["b=3"], f"@{file}") == {"a": 1, "b": 3}
        assert payload_of([], '{"a": 1}') == {"a": 1}

    @pytest.mark.parametrize(
        ("items", "whole", "words"),
        [
            (["seconds"], None, "name=value"),
            (["=2"], None, "name=value"),
            (["a:=nope"], None, "a is not JSON"),
            (["a:=NaN"], None, "NaN is not JSON"),
            (["a=@/nowhere"], None, "/nowhere cannot be read: No such file"),
            ([], "[1]", "no JSON object"),
            ([], "{", "payload is not JSON"),
        ],
    )
    def test_what_is_none_is_told(self, items: list[str], whole: str | None, words: str) -> None:
        with pytest.raises(BadParameter, match=words):
            payload_of(items, whole)

    def test_a_picture_is_not_text(self, tmp_path: Path) -> None:
        file = tmp_path / "picture"
        file.write_bytes(b"\x89PNG\xff")
        with pytest.raises(BadParameter, match="it is not text"):
            payload_of([f"a=@{file}"], None)


class TestTimes:
    @pytest.mark.parametrize(
        ("text", "seconds"),
        [("90", 90), ("1.5s", 1.5), ("250ms", 0.25), ("5m", 300), ("2h", 7200), ("1d", 86_400)],
    )
    def test_a_duration_has_a_unit(self, text: str, seconds: float) -> None:
        assert seconds_of(text) == seconds

    @pytest.mark.parametrize("text", ["", "soon", "-5", "5 weeks", "1e3"])
    def test_other_words_are_none(self, text: str) -> None:
        with pytest.raises(BadParameter, match="duration"):
            seconds_of(text)

    def test_a_moment_is_absolute_or_seen_from_now(self) -> None:
        assert moment_of("2026-01-31T12:00:00Z") == datetime(2026, 1, 31, 12, tzinfo=UTC)
        for text, expected in (("+5m", timedelta(minutes=5)), ("-2h", timedelta(hours=-2))):
            off = moment_of(text) - datetime.now(UTC) - expected
            assert abs(off.total_seconds()) < 5

    @pytest.mark.parametrize("text", ["", "tomorrow", "+", "-soon"])
    def test_other_words_are_no_moment(self, text: str) -> None:
        with pytest.raises(BadParameter):
            moment_of(text)
