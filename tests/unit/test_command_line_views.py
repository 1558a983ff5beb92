"""The output of commands, with and without a terminal."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console, RenderableType

from task_service_client import Explanation, Stats, Task, TaskType
from task_service_client.command_line import exit_codes
from task_service_client.command_line.live import LiveTable, ProgressBar
from task_service_client.command_line.rendering import (
    duration,
    explanation_view,
    moment,
    sparkline,
    stats_view,
    task_details,
    task_types_table,
    tasks_table,
)
from tests.support.effect_player import OTHER_ID, TASK_ID, task

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
BOOM = {"kind": "exception", "type": "Boom", "message": "no"}


def text_of(renderable: RenderableType, width: int = 200) -> str:
    console = Console(file=io.StringIO(), width=width)
    with console.capture() as captured:
        console.print(renderable)
    return captured.get()


def a_task(version: int, status: str, **fields: object) -> Task:
    return Task.from_json(task(version, status, **fields))


class TestTables:
    def test_an_id_is_never_cut(self) -> None:
        running = a_task(3, "running", progress={"percent": 40}, created_at="2026-11-24T08:58:00Z")
        text = text_of(tasks_table([running], NOW), width=60)
        assert TASK_ID in text

    def test_a_row_has_the_progress_and_the_age(self) -> None:
        running = a_task(3, "running", progress={"percent": 40}, created_at="2026-11-24T08:58:00Z")
        row = text_of(tasks_table([running], NOW)).splitlines()[1]
        assert "running" in row
        assert "40%" in row
        assert "2m00s" in row

    def test_80_columns_have_the_type_the_progress_and_the_attempt(self) -> None:
        running = a_task(
            3, "running", type="csv.profile", attempt=1, max_attempts=5, progress={"percent": 40}
        )
        message = {**BOOM, "message": "a long message " * 20}
        failed = a_task(9, "failed", type="csv.profile", attempt=5, max_attempts=5, error=message)
        head, first, second = text_of(tasks_table([running, failed], NOW), width=80).splitlines()
        assert head.split() == ["ID", "TYPE", "STATUS", "PROGRESS", "ATTEMPT"]
        assert first.split() == [TASK_ID, "csv.profile", "running", "40%", "1/5"]
        assert second.split()[1:3] == ["csv.profile", "failed"]
        assert second.split()[-1] == "5/5"

    def test_a_long_error_leaves_the_other_columns_whole(self) -> None:
        created = "2026-11-24T08:58:00Z"
        message = {**BOOM, "message": "a long message " * 20}
        failed = a_task(9, "failed", attempt=5, max_attempts=5, error=message, created_at=created)
        row = text_of(tasks_table([failed], NOW), width=120).splitlines()[1]
        assert "Boom: a long" in row
        assert "5/5" in row
        assert "2m00s" in row

    def test_a_kind_that_is_also_the_type_is_shown_once(self) -> None:
        crash = {"kind": "crashed", "type": "crashed", "message": "The worker vanished."}
        assert "crashed: The worker" in text_of(task_details(a_task(3, "failed", error=crash), NOW))
        assert "crashed: crashed" not in text_of(task_details(a_task(3, "failed", error=crash), NOW))
        assert "exception: Boom: no" in text_of(task_details(a_task(3, "failed", error=BOOM), NOW))

    def test_a_failed_task_has_its_error(self) -> None:
        failed = a_task(3, "failed", error={"kind": "exception", "type": "KeyError", "message": "'x'"})
        assert "KeyError: 'x'" in text_of(tasks_table([failed], NOW))

    def test_details_have_the_attempts_and_the_result(self) -> None:
        first = {
            "number": 1,
            "outcome": "failed",
            "error": BOOM,
            "next_wait_seconds": 1.5,
        }
        done = a_task(5, "succeeded", attempts=[first], result={"rows": 250}, payload={"csv": "a"})
        text = text_of(task_details(done, NOW))
        assert "Boom: no" in text
        assert "1.5s" in text
        assert '"rows": 250' in text

    def test_square_brackets_in_messages_are_not_markup(self) -> None:
        failed = a_task(3, "failed", error={**BOOM, "message": "[red]no[/] [/nope]"})
        assert "[red]no[/] [/nope]" in text_of(tasks_table([failed], NOW))
        assert "[red]no[/] [/nope]" in text_of(task_details(failed, NOW))

    def test_optional_fields_have_a_question_mark(self) -> None:
        schema = {"properties": {"seconds": {}, "steps": {}}, "required": ["seconds"]}
        shown = TaskType(name="demo.sleep", payload_schema=schema, description="Sleeps.\nLong.")
        text = text_of(task_types_table([shown]))
        assert "seconds, steps?" in text
        assert "Long" not in text

    def test_an_explanation_has_the_number_of_tasks_ahead(self) -> None:
        found = Explanation.from_json(
            {
                "task_id": TASK_ID,
                "status": "queued",
                "reason": "waiting_in_queue",
                "detail": "It waits in the queue.",
                "until": None,
                "ahead": {"count": 12, "approximate": True},
                "next": "A worker takes it.",
            }
        )
        text = text_of(explanation_view(found, NOW))
        assert "about 12 tasks" in text
        assert "A worker takes it." in text


class TestCharts:
    def test_minutes_without_tasks_have_an_empty_bar(self) -> None:
        minutes = [
            {"minute": "2026-11-24T08:58:00Z", "succeeded": 8},
            {"minute": "2026-11-24T09:00:00Z", "succeeded": 4},
        ]
        assert sparkline(minutes, "succeeded", 4, NOW) == "▁█▁▅ up to 8 per minute"

    def test_a_chart_without_tasks_has_empty_bars(self) -> None:
        assert sparkline([], "succeeded", 3, NOW) == "▁▁▁ none"

    def test_statistics_have_totals_and_queue_depths(self) -> None:
        stats = Stats(
            totals={"created": 7, "mean_wait_ms": 1500, "mean_run_ms": 40.4},
            queues={"fast": {"ready": 3, "in_flight": 1}},
        )
        text = text_of(stats_view(stats, 60))
        assert re.search(r"mean wait +1\.50 s\b", text)
        assert re.search(r"mean run +40 ms\b", text)
        assert "3 ready, 1 in flight" in text


class TestTimes:
    @pytest.mark.parametrize(
        ("seconds", "text"),
        [
            (0.04, "0.0s"),
            (9.94, "9.9s"),
            (59, "59s"),
            (61, "1m01s"),
            (3 * 3600 + 120, "3h02m"),
            (2 * 86_400, "2d00h"),
        ],
    )
    def test_a_duration_has_two_units(self, seconds: float, text: str) -> None:
        assert duration(NOW, NOW + timedelta(seconds=seconds)) == text

    def test_a_moment_has_its_distance_from_now(self) -> None:
        assert str(moment(NOW, NOW + timedelta(seconds=30))).endswith("(30s ago)")
        assert str(moment(NOW, NOW - timedelta(minutes=5))).endswith("(in 5m00s)")


class TestLiveOutput:
    @staticmethod
    def _terminal() -> tuple[Console, io.StringIO]:
        file = io.StringIO()
        return Console(file=file, force_terminal=True, width=120, color_system=None), file

    def test_a_bar_has_the_percentage_and_the_message(self) -> None:
        console, file = self._terminal()
        with ProgressBar(console) as bar:
            bar.show_task(a_task(3, "running", progress={"percent": 40, "message": "step 4 [of 10]"}))
        assert "40%" in file.getvalue()
        assert "step 4 [of 10]" in file.getvalue()

    def test_there_is_no_bar_without_a_terminal(self) -> None:
        file = io.StringIO()
        with ProgressBar(Console(file=file)) as bar:
            bar.show_task(a_task(3, "running", progress={"percent": 40}))
        assert file.getvalue() == ""

    def test_the_newest_tasks_stay_on_the_table(self) -> None:
        console, file = self._terminal()
        older = a_task(1, "queued")
        with LiveTable(console, [older], limit=1) as table:
            table.connection(True)
            table.update(a_task(1, "running", id=OTHER_ID))
        last = file.getvalue().rpartition("ID ")[2]
        assert OTHER_ID in last
        assert TASK_ID not in last
        assert "● live" in last


class TestExitCodes:
    @pytest.mark.parametrize(
        ("codes", "worst"), [([], 0), ([0, 0], 0), ([0, 3], 3), ([3, 1, 0], 1), ([4, 3], 4), ([2, 3], 2)]
    )
    def test_the_worst_of_several_tasks_counts(self, codes: list[int], worst: int) -> None:
        assert exit_codes.worst(codes) == worst
