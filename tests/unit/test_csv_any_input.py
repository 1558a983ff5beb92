"""`csv.profile` of any input: a correct result in JSON, or a refusal."""

from __future__ import annotations

import csv
import io
import json
import statistics
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.domain.outcomes import Rejected
from tests.support.csv_profiles import column, profile

#: Cells at the edge of a type.
NOTABLE = (
    *("1", "-0", "1e308", "1e-400", "nan", "inf", "true", "2026-02-28", "0000-01-01"),
    *("0001-01-01T00:00+23:59", "9999-12-31T23:59:59.999999-23:59"),
)


class TestWithAnyInput:
    @settings(max_examples=400, deadline=None)
    @given(
        st.one_of(
            st.text(st.characters(exclude_categories=["Cs"])),
            st.text(st.sampled_from('a1,;\t|"\n\r .-:eETZ\ufeff\x00')),
            st.lists(
                st.sampled_from(
                    [*',;\t|\n\r"', "\r\n", "\ufeff", " ", "x", *NOTABLE],
                ),
                max_size=40,
            ).map("".join),
        )
    )
    def test_it_returns_json_or_refuses(self, text: str) -> None:
        try:
            result = profile(text)
        except Rejected:
            return
        json.dumps(result, allow_nan=False)
        assert all(each["count"] + each["nulls"] == result["rows"] for each in result["columns"])
        assert all(each["distinct"] is not None for each in result["columns"])

    @settings(deadline=None)
    @given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1))
    def test_integers_are_exact(self, values: list[int]) -> None:
        found = column(*map(str, values))

        assert (found["type"], found["min"], found["max"]) == ("integer", min(values), max(values))
        assert found["mean"] == pytest.approx(statistics.mean(values))
        assert found["distinct"] == len(set(values))

    @settings(deadline=None)
    @given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
    def test_numbers_have_a_range_and_a_mean_within(self, values: list[float]) -> None:
        found = column("0.5", *map(repr, values))

        assert found["type"] == "number"
        assert (found["min"], found["max"]) == (min(0.5, *values), max(0.5, *values))
        assert found["min"] <= found["mean"] <= found["max"]

    @settings(deadline=None)
    @given(st.lists(st.datetimes(timezones=st.just(UTC)), min_size=1))
    def test_times_have_a_range(self, values: list[datetime]) -> None:
        found = column(*(value.isoformat() for value in values))

        assert found["type"] == "datetime"
        assert (found["min"], found["max"]) == (min(values).isoformat(), max(values).isoformat())

    @settings(deadline=None)
    @given(
        st.lists(
            st.lists(
                st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")),
                min_size=2,
                max_size=2,
            ),
            min_size=2,
        ),
        st.sampled_from(",;\t|"),
    )
    def test_what_the_csv_module_writes_is_read_back(self, rows: list[list[str]], delimiter: str) -> None:
        text = io.StringIO()
        csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows([["name", "value"], *rows])

        result = profile(text.getvalue())

        assert result["rows"] == len(rows)
        for index, found in enumerate(result["columns"]):
            cells = [row[index].strip() for row in rows]
            assert found["nulls"] == cells.count("")
