"""The race against other task queues: what is made of a journal."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.peers.running import Burst, Journal, percentile


class TestJournal:
    def test_tasks_may_be_done_before_it_is_noted_that_they_were_submitted(self, tmp_path: Path) -> None:
        file = tmp_path / "journal"
        file.write_text("done a 2.5\nsubmitted a 1.0\n")
        journal = Journal(file)
        journal.read()
        assert (journal.submitted, journal.done) == ({"a": 1.0}, {"a": 2.5})

    def test_half_a_line_is_read_when_it_is_whole(self, tmp_path: Path) -> None:
        file = tmp_path / "journal"
        file.write_text("submitted a 1.0\ndone a 2")
        journal = Journal(file)
        journal.read()
        assert journal.done == {}
        with file.open("a") as lines:
            lines.write("0.5\n")
        journal.read()
        assert journal.done == {"a": 20.5}

    def test_a_task_that_runs_again_was_done_the_first_time(self, tmp_path: Path) -> None:
        file = tmp_path / "journal"
        file.write_text("done a 2.0\ndone a 9.0\n")
        journal = Journal(file)
        journal.read()
        assert journal.done == {"a": 2.0}

    def test_nothing_was_noted_yet(self, tmp_path: Path) -> None:
        journal = Journal(tmp_path / "journal")
        journal.read()
        assert journal.submitted == {}


def test_a_burst_tells_its_rate() -> None:
    assert Burst(2.0, [0.1] * 100).rate == 50


def test_percentiles_are_of_all_latencies() -> None:
    latencies = [number / 100 for number in range(101)]
    assert [percentile(latencies, percent) for percent in (50, 95)] == pytest.approx([0.5, 0.95])
