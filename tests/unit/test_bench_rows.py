"""The table of `make bench`, and the results that are kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.rows import RESULTS, Row, table, write


class TestTarget:
    def test_a_row_without_a_target_meets_none_and_misses_none(self) -> None:
        assert Row(what="modules", ours=400).met is None

    @pytest.mark.parametrize(("ours", "met"), [(4.9, True), (5, True), (5.1, False)])
    def test_less_is_better(self, ours: float, met: bool) -> None:
        assert Row(what="write units", ours=ours, target=5).met is met

    @pytest.mark.parametrize(("ours", "met"), [(240, False), (250, True), (260, True)])
    def test_more_is_better_in_multiples_of_the_peer(self, ours: float, met: bool) -> None:
        row = Row(what="tasks/s", ours=ours, peer=100, than="times", target=2.5, at_least=True)
        assert row.met is met

    def test_a_ratio_to_nobody_is_refused(self) -> None:
        with pytest.raises(AssertionError, match="a ratio needs a peer"):
            _ = Row(what="tasks/s", ours=1, than="times", target=2, at_least=True).met


class TestReason:
    MISSED = Row(what="requests", ours=3, target=2, reason="one each; ten in one make it 2")

    def test_a_missed_target_is_followed_by_its_reason(self) -> None:
        assert table([self.MISSED]).splitlines()[-1] == "    one each; ten in one make it 2"
        assert self.MISSED.as_json()["reason"] == "one each; ten in one make it 2"

    def test_a_target_that_is_met_needs_none(self) -> None:
        met = Row(what="requests", ours=2, target=2, reason="one each; ten in one make it 2")
        assert "ten in one" not in table([met])
        assert "reason" not in met.as_json()


class TestResults:
    def test_they_name_the_machine_and_all_versions(self, tmp_path: Path) -> None:
        file = tmp_path / "results.json"
        write([Row(what="requests", ours=2, peer=4, target=3)], file)
        kept: dict[str, Any] = json.loads(file.read_text())
        assert kept["rows"] == [
            {"what": "requests", "ours": 2, "peer": 4, "ratio": 0.5, "target": "≤ 3", "met": True}
        ]
        assert kept["machine"].keys() == {"cpus", "processor", "python", "system"}
        assert {"botocore", "celery", "dramatiq-sqs", "ministack", "taskiq-aio-sqs"} <= kept[
            "versions"
        ].keys()

    def test_a_part_names_its_whole(self, tmp_path: Path) -> None:
        file = tmp_path / "results.json"
        write([Row(what="cold start", ours=9), Row(what="  modules", ours=400)], file)
        names = [row["what"] for row in json.loads(file.read_text())["rows"]]
        assert names == ["cold start", "cold start: modules"]

    def test_those_that_are_committed_name_each_row_once(self) -> None:
        names = [row["what"] for row in json.loads(RESULTS.read_text())["rows"]]
        assert len(names) == len(set(names))

    def test_those_that_are_committed_give_a_reason_for_each_missed_target(self) -> None:
        kept: dict[str, Any] = json.loads(RESULTS.read_text())
        assert kept["rows"]
        assert not [row["what"] for row in kept["rows"] if row["met"] is False and not row.get("reason")]
