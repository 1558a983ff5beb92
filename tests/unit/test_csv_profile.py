"""`csv.profile`: the result for a CSV, and the refusal of other text."""

from __future__ import annotations

import csv
import io
import json
import sys
from typing import Any

import pytest

from chalicelib.domain.errors import Invalid
from chalicelib.domain.outcomes import Cancel, Rejected
from chalicelib.domain.task_types import TASK_TYPES
from chalicelib.task_types.csv_profile import CsvProfile, csv_profile
from tests.support.csv_profiles import column, profile
from tests.support.recording_context import RecordingContext

LARGEST = sys.float_info.max
KEYS = ["name", "type", "count", "nulls", "distinct", "min", "max", "mean"]


def types_and_ranges(*cells: str) -> tuple[str, Any, Any, float | None]:
    found = column(*cells)
    return found["type"], found["min"], found["max"], found["mean"]


class TestAProfile:
    def test_has_rows_and_columns(self) -> None:
        result = profile("name,age,member\nAda,36,true\nBob,,false\nAda,41,true\n")

        assert result["rows"] == 3
        assert result["columns"] == [
            dict(zip(KEYS, ("name", "string", 3, 0, 2, "Ada", "Bob", None), strict=True)),
            dict(zip(KEYS, ("age", "integer", 2, 1, 2, 36, 41, 38.5), strict=True)),
            dict(zip(KEYS, ("member", "boolean", 3, 0, 2, False, True, None), strict=True)),
        ]

    def test_of_a_header_alone_has_empty_columns(self) -> None:
        result = profile("a,b")

        assert result["rows"] == 0
        assert result["columns"][0] == dict(zip(KEYS, ("a", "empty", 0, 0, 0, None, None, None), strict=True))

    @pytest.mark.parametrize(
        ("cells", "expected"),
        [
            (("1", "-2", "+3"), ("integer", -2, 3, 2 / 3)),
            ((" 1 ", "2\t"), ("integer", 1, 2, 1.5)),
            (("9223372036854775807", "-9223372036854775808"), ("integer", -(2**63), 2**63 - 1, -0.5)),
            (("9223372036854775808",), ("number", 2.0**63, 2.0**63, 2.0**63)),
            (("1", "2.5"), ("number", 1.0, 2.5, 1.75)),
            (("1.0", "2.0"), ("number", 1.0, 2.0, 1.5)),
            ((".5", "-1e3", "2E-1"), ("number", -1000.0, 0.5, -333.1)),
            (("0.1",) * 10, ("number", 0.1, 0.1, 0.1)),
            (("1e308",) * 10, ("number", 1e308, 1e308, 1e308)),
            (("1e308", "-1e308"), ("number", -1e308, 1e308, 0.0)),
            ((repr(LARGEST),) * 3, ("number", LARGEST, LARGEST, LARGEST)),
            (("1", "1e309"), ("string", "1", "1e309", None)),
            (("1", "1e99999"), ("string", "1", "1e99999", None)),
            (("nan", "inf"), ("string", "inf", "nan", None)),
            (("1", "NaN"), ("string", "1", "NaN", None)),
            (("02134", "90210"), ("string", "02134", "90210", None)),
            (("1_000",), ("string", "1_000", "1_000", None)),
            (("1,5",), ("string", "1,5", "1,5", None)),
            (("\u0661\u0662",), ("string", "\u0661\u0662", "\u0661\u0662", None)),
            (("0x10",), ("string", "0x10", "0x10", None)),
            (("9" * 5000,), ("string", "9" * 100, "9" * 100, None)),
            (("true", "FALSE", "True"), ("boolean", False, True, None)),
            (("true", "1"), ("string", "1", "true", None)),
            (("2026-02-28", "1999-12-31"), ("date", "1999-12-31", "2026-02-28", None)),
            (("2026-02-30",), ("string", "2026-02-30", "2026-02-30", None)),
            (("20260228",), ("integer", 20260228, 20260228, 20260228.0)),
            (("2026-01-01", "2026-01-01T00:00:00"), ("string", "2026-01-01", "2026-01-01T00:00:00", None)),
            (("1", "x", "2.5"), ("string", "1", "x", None)),
            (("", " ", "\t"), ("empty", None, None, None)),
            (("", "7", ""), ("integer", 7, 7, 7.0)),
        ],
    )
    def test_detects_types(self, cells: tuple[str, ...], expected: tuple[Any, ...]) -> None:
        assert types_and_ranges(*cells) == expected

    @pytest.mark.parametrize(
        ("cells", "least", "most"),
        [
            (
                ("2026-02-28T01:02", "2026-02-28 01:02:03.5"),
                "2026-02-28T01:02:00",
                "2026-02-28T01:02:03.500000",
            ),
            (
                ("2026-01-01T00:00:00Z", "2026-01-01T00:30:00+01:00"),
                "2026-01-01T00:30:00+01:00",
                "2026-01-01T00:00:00+00:00",
            ),
        ],
    )
    def test_detects_times(self, cells: tuple[str, ...], least: str, most: str) -> None:
        assert types_and_ranges(*cells) == ("datetime", least, most, None)

    def test_does_not_compare_times_with_and_without_a_zone(self) -> None:
        assert column("2026-01-01T00:00:00Z", "2026-01-01T00:00:00")["type"] == "string"

    def test_separates_types_in_json(self) -> None:
        assert json.dumps(column("1", "2.5")["min"]) == "1.0"
        assert json.dumps(column("1", "2")["min"]) == "1"

    @pytest.mark.parametrize(
        ("cells", "distinct"),
        [(("1", "1.0", "1e0", "2"), 2), (("true", "TRUE"), 1), (("a", " a", "A"), 2), (("", "x"), 1)],
    )
    def test_counts_different_values(self, cells: tuple[str, ...], distinct: int) -> None:
        assert column(*cells)["distinct"] == distinct

    def test_counts_different_values_up_to_a_limit(self) -> None:
        assert column(*map(str, range(10_000)))["distinct"] == 10_000
        assert column(*map(str, range(10_001)))["distinct"] is None

    def test_shows_the_start_of_long_texts(self) -> None:
        found = column("x" * 1000, name="n" * 1000)

        assert (found["name"], found["min"], found["max"]) == ("n" * 100, "x" * 100, "x" * 100)


class TestTheForm:
    @pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
    def test_may_have_any_usual_delimiter(self, delimiter: str) -> None:
        rows = [["name", "text"], ["Ada", "1,5; x | y"], ["Bob", "2,5"]]
        text = io.StringIO()
        csv.writer(text, delimiter=delimiter).writerows(rows)

        result = profile(text.getvalue())

        assert [each["name"] for each in result["columns"]] == ["name", "text"]
        assert result["rows"] == 2

    @pytest.mark.parametrize(
        ("text", "names", "rows"),
        [
            ("a\n1\n2\n", ["a"], 2),
            ("a", ["a"], 0),
            ("remark\nwell, well\nso, so\n", None, None),
            ("\n\n a , b \n1,2\n\n3,4\n\n", ["a", "b"], 2),
            ("a,b\r\n1,2\r\n", ["a", "b"], 1),
            ("a,b\r1,2\r3,4", ["a", "b"], 2),
            ("\ufeffa,b\n1,2\n", ["a", "b"], 1),
            ('"a","b"\n"1","2"\n', ["a", "b"], 1),
            ('a,b\n"1\n2","say ""hi"""\n', ["a", "b"], 1),
            ('a;b\n"1;2";x,y,z\n', ["a", "b"], 1),
            (",b\n0,x\n", ["", "b"], 1),
            ("a,a\n1,2\n", ["a", "a"], 1),
        ],
    )
    def test_may_be_odd(self, text: str, names: list[str] | None, rows: int | None) -> None:
        if names is None:
            with pytest.raises(Rejected, match="line 2: expected 1 values, as in the header, but found 2"):
                profile(text)
            return
        result = profile(text)
        assert [each["name"] for each in result["columns"]] == names
        assert result["rows"] == rows

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "line 1: the CSV is empty; its first line names the columns"),
            ("\ufeff", "line 1: the CSV is empty; its first line names the columns"),
            ("\n \n", "line 2 names no columns; the first line that is not blank must"),
            (",,\n1,2,3\n", "line 1 names no columns; the first line that is not blank must"),
            ("a,b\n1,2\n1,2,3\n", "line 3: expected 2 values, as in the header, but found 3"),
            ("a,b\n1\n", "line 2: expected 2 values, as in the header, but found 1"),
            ('a,b\n"x\ny",2\n\n1\n', "line 5: expected 2 values, as in the header, but found 1"),
            ("a;b\n1;2;3\n", "line 2: expected 2 values, as in the header, but found 3"),
            ('a,b\n1,2\n"3,4\n5,6\n', "line 3: a quoted value is never closed"),
            ('a,b\n"1"x,2\n', "line 2: ',' expected after '\"'"),
            ("a,b\n1," + "x" * 131_073, "line 2: a value has more than 131072 characters"),
            (",".join("a" * 501), "line 1 names 501 columns; at most 500 are profiled"),
            ("a,b\n1,2\n\x00,4\n", "line 3 contains a NUL character, so this is not a CSV"),
        ],
    )
    def test_with_an_error_is_refused_with_the_line(self, text: str, message: str) -> None:
        with pytest.raises(Rejected) as refusal:
            profile(text)
        assert str(refusal.value) == message

    @pytest.mark.parametrize(
        ("payload", "pointer"),
        [
            ({}, ""),
            ({"csv": None}, ""),
            ({"csv": "a", "url": "https://example.com/"}, ""),
            ({"csv": ["a"]}, "/csv"),
            ({"csv": "\ud800"}, "/csv"),
            ({"url": "https://example.com/a b"}, "/url"),
            ({"csv": "a", "delimiter": ","}, "/delimiter"),
        ],
    )
    def test_of_an_invalid_payload_is_refused_with_a_pointer(
        self, payload: dict[str, Any], pointer: str
    ) -> None:
        with pytest.raises(Invalid) as refusal:
            TASK_TYPES.get("csv.profile").parse(payload, "/payload")
        assert [error.pointer for error in refusal.value.errors] == ["/payload" + pointer]


class TestProgress:
    def test_is_reported_at_both_ends_and_between(self) -> None:
        context = RecordingContext()
        profile("a,b\n" + "1,2\n" * 10_000, context)

        percents = [percent for percent, _ in context.reports]
        assert percents == sorted(percents)
        assert (percents[0], percents[-1], len(percents)) == (0, 100, 12)
        assert 10 < percents[5] < 90
        assert context.reports[1][1] == "1000 rows"

    def test_is_where_a_cancel_is_seen(self) -> None:
        context = RecordingContext(cancel_after_reports=3)

        result = csv_profile(CsvProfile(csv="a\n" + "1\n" * 10_000), context)

        assert result == Cancel("canceled on request")
        assert len(context.reports) == 3
