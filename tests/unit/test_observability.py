"""Logs are JSON lines. Metrics follow the rules of CloudWatch's Embedded Metric Format."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from chalicelib.observability import NAMESPACE, Log, Metrics, log, log_context, with_log_context
from tests.conftest import Printed


class TestLogs:
    def test_a_line_has_a_sentence_for_people_and_an_action_for_programs(self, printed: Printed) -> None:
        log.info("Task created", action="task_created", task_id="t1")
        (line,) = printed()
        assert line.pop("timestamp").endswith("Z")
        assert line == {
            "level": "INFO",
            "message": "Task created",
            "action": "task_created",
            "task_id": "t1",
        }

    @pytest.mark.parametrize("level", ["info", "warning", "error"])
    def test_a_line_has_its_level(self, printed: Printed, level: str) -> None:
        getattr(log, level)("Something happened")
        assert printed()[0]["level"] == level.upper()

    def test_log_context_fields_are_on_every_line_of_the_block(self, printed: Printed) -> None:
        with log_context(request_id="r1", function="api"):
            log.info("Inside")
            with log_context(request_id="r2"):
                log.info("Deeper")
            log.info("Back")
        log.info("Outside")
        assert [line.get("request_id") for line in printed()] == ["r1", "r2", "r1", None]

    def test_log_context_fields_reach_another_thread_by_with_log_context_only(self, printed: Printed) -> None:
        with log_context(request_id="r1"), ThreadPoolExecutor(1) as threads:
            threads.submit(log.info, "Alone").result()
            list(threads.map(with_log_context(log.info), ["Carried"]))
        assert [line.get("request_id") for line in printed()] == [None, "r1"]

    def test_a_bound_logger_has_its_fields_in_every_thread(self, printed: Printed) -> None:
        logger = Log(task_id="t1").bind(attempt=2)
        with ThreadPoolExecutor(1) as threads:
            threads.submit(logger.info, "Started", attempt=3).result()
        line = printed()[0]
        assert (line["task_id"], line["attempt"]) == ("t1", 3)

    def test_an_exception_is_one_line(self, printed: Printed) -> None:
        try:
            raise ValueError("first\nsecond")
        except ValueError:
            log.exception("Request failed", action="request_failed")
        (line,) = printed()
        assert "Traceback" in line["exception"]
        assert "first\nsecond" in line["exception"]

    @pytest.mark.parametrize("value", ["a\nb", "\x00", "\ud800", "é", object(), {1}, None])
    def test_no_value_breaks_the_line(self, printed: Printed, value: object) -> None:
        log.info("Looked", value=value)
        assert len(printed()) == 1


def values_of(line: dict[str, Any], metric: str) -> list[Any]:
    """The values of a metric. A single value is not in a list."""
    return line[metric] if isinstance(line[metric], list) else [line[metric]]


def assert_is_emf(line: dict[str, Any]) -> None:
    """The rules of the Embedded Metric Format specification."""
    assert isinstance(line["_aws"]["Timestamp"], int)
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert set(directive) == {"Namespace", "Dimensions", "Metrics"}
    assert directive["Namespace"] == NAMESPACE
    assert 1 <= len(directive["Metrics"]) <= 100
    for dimensions in directive["Dimensions"]:
        assert len(dimensions) <= 30
        for name in dimensions:
            assert isinstance(line[name], str)
            assert 1 <= len(line[name]) <= 1024
    for metric in directive["Metrics"]:
        assert metric["Unit"] in ("Count", "Milliseconds", "Seconds")
        values = values_of(line, metric["Name"])
        assert 1 <= len(values) <= 100
        assert all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


class TestMetrics:
    @pytest.fixture
    def metrics(self) -> Metrics:
        return Metrics("test")

    def test_without_values_nothing_is_printed(self, metrics: Metrics, printed: Printed) -> None:
        metrics.flush()
        assert printed() == []

    def test_one_value_is_a_number(self, metrics: Metrics, printed: Printed) -> None:
        metrics.add("TasksCreated", 1, TaskType="demo.sleep")
        metrics.flush()
        (line,) = printed()
        assert_is_emf(line)
        assert (line["TasksCreated"], line["Stage"], line["TaskType"]) == (1, "test", "demo.sleep")

    def test_a_metric_counts_for_its_stage_and_for_its_dimensions(
        self, metrics: Metrics, printed: Printed
    ) -> None:
        metrics.add("Pushes")
        metrics.add("TasksCreated", TaskType="a")
        metrics.flush()
        dimensions = [line["_aws"]["CloudWatchMetrics"][0]["Dimensions"] for line in printed()]
        assert dimensions == [[["Stage"]], [["Stage"], ["Stage", "TaskType"]]]

    def test_metrics_of_the_same_dimensions_share_a_line(self, metrics: Metrics, printed: Printed) -> None:
        metrics.add("QueueWait", 12.5, "Milliseconds", TaskType="a")
        metrics.add("TasksSucceeded", TaskType="a")
        metrics.add("TasksSucceeded", TaskType="b")
        metrics.flush()
        lines = printed()
        assert len(lines) == 2
        assert (lines[0]["QueueWait"], lines[0]["TasksSucceeded"]) == (12.5, 1)

    @pytest.mark.parametrize(("values", "sizes"), [(100, [100]), (101, [100, 1]), (250, [100, 100, 50])])
    def test_more_than_100_values_take_more_lines(
        self, metrics: Metrics, printed: Printed, values: int, sizes: list[int]
    ) -> None:
        for value in range(values):
            metrics.add("RunTime", value, "Milliseconds", TaskType="a")
        metrics.add("TasksSucceeded", TaskType="a")
        metrics.flush()
        lines = printed()
        for line in lines:
            assert_is_emf(line)
        chunks = [values_of(line, "RunTime") for line in lines]
        assert [len(each) for each in chunks] == sizes
        assert [value for each in chunks for value in each] == list(range(values))
        assert sum(line.get("TasksSucceeded", 0) for line in lines) == 1

    def test_a_flush_clears_the_values(self, metrics: Metrics, printed: Printed) -> None:
        metrics.add("Pushes")
        metrics.flush()
        metrics.flush()
        assert len(printed()) == 1

    def test_values_of_all_threads_are_printed(self, metrics: Metrics, printed: Printed) -> None:
        with ThreadPoolExecutor(8) as threads:
            for _ in range(8):
                threads.submit(lambda: [metrics.add("Pushes") for _ in range(500)])
        metrics.flush()
        lines = printed()
        assert sum(sum(line["Pushes"]) for line in lines) == 4000
