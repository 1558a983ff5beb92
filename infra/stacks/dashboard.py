"""The stage's CloudWatch dashboard: alarms and tasks at the top, cost at the bottom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from infra import APP_NAME
from infra.names import FUNCTIONS
from infra.stacks.alarms import alarms
from infra.stacks.metrics import (
    APP_NAMESPACE,
    Metric,
    api_metric,
    app_metric,
    function_metric,
    queue_metric,
    table_metric,
)

_WIDTH: Final = 24
_HEIGHT: Final = 6
#: Each metric with the label of its line.
Lines = Sequence[tuple[Metric, str]]


def dashboard(stage: str, region: Any, alarm_arn: str) -> dict[str, Any]:
    """Return a dashboard's body. `alarm_arn` is the ARN of an alarm with `{}` for the alarm's name."""
    rows = [
        [_alarms(stage, alarm_arn)],
        _tasks(stage),
        _durations(stage),
        _failures(stage),
        _updates(stage),
        _cost(stage),
    ]
    widgets = []
    for row_number, row in enumerate(rows):
        width = _WIDTH // len(row)
        for column, widget in enumerate(row):
            if widget["type"] == "metric":
                widget["properties"]["region"] = region
            position = {"x": column * width, "y": row_number * _HEIGHT, "width": width, "height": _HEIGHT}
            widgets.append({**widget, **position})
    return {"widgets": widgets}


def _tasks(stage: str) -> list[dict[str, Any]]:
    ends = ("TasksSucceeded", "TasksFailed", "TasksCanceled", "TasksExpired")
    moves = ("TasksCreated", "TasksRetried", "TasksSnoozed", "TasksRedriven")
    return [
        _graph("Tasks that ended", [(app_metric(stage, name), name[5:].lower()) for name in ends]),
        _graph("Tasks in progress", [(app_metric(stage, name), name[5:].lower()) for name in moves]),
        _graph("Requests", [(api_metric(stage, name), name) for name in ("Count", "4XXError", "5XXError")]),
    ]


def _durations(stage: str) -> list[dict[str, Any]]:
    percentiles = ("p50", "p95", "p99")
    durations = {
        "Queue wait (ms)": app_metric(stage, "QueueWait"),
        "Run time (ms)": app_metric(stage, "RunTime"),
        "API latency (ms)": api_metric(stage, "Latency"),
    }
    return [
        _graph(title, [(metric, each) for each in percentiles], percentiles)
        for title, metric in durations.items()
    ]


def _failures(stage: str) -> list[dict[str, Any]]:
    by_type = f'{{{APP_NAMESPACE},Stage,TaskType}} MetricName="TasksFailed" Stage="{stage}"'
    by_kind = f'{{{APP_NAMESPACE},Stage,ErrorKind}} MetricName="DeadLetters" Stage="{stage}"'
    queues = ("fast", "long", "dead-letters", "stream-failures", "schedule-failures")
    return [
        _search("Failures by task type", by_type),
        _search("Dead letters by kind of error", by_kind),
        _graph(
            "Messages in the queues",
            [(queue_metric(stage, queue, "ApproximateNumberOfMessagesVisible"), queue) for queue in queues],
            ["Maximum"],
        ),
    ]


def _updates(stage: str) -> list[dict[str, Any]]:
    age = (function_metric(stage, "push_updates", "IteratorAge"), "iterator age")
    frames = ("Pushes", "PushFailures")
    return [
        _graph("Frames to clients", [(app_metric(stage, name), name) for name in frames]),
        _graph("Stream lag (ms)", [age], ["Maximum"]),
        _graph("Sweep lag (s)", [(app_metric(stage, "SweepLag"), "lag")], ["Maximum"]),
    ]


def _cost(stage: str) -> list[dict[str, Any]]:
    tables = ("tasks", "documents", "connections", "rollups")
    queues = ("fast", "long")
    return [
        _graph(
            "Write units",
            [(table_metric(stage, table, "ConsumedWriteCapacityUnits"), table) for table in tables],
        ),
        _graph("Lambda time (ms)", [(function_metric(stage, each, "Duration"), each) for each in FUNCTIONS]),
        _graph(
            "Messages sent",
            [(queue_metric(stage, queue, "NumberOfMessagesSent"), queue) for queue in queues],
        ),
    ]


def _alarms(stage: str, arn: str) -> dict[str, Any]:
    names = [f"{APP_NAME}-{stage}-{alarm.name}" for alarm in alarms(stage)]
    return {
        "type": "alarm",
        "properties": {"title": "Alarms", "alarms": [arn.replace("{}", name) for name in names]},
    }


def _graph(title: str, lines: Lines, statistics: Sequence[str] = ("Sum",)) -> dict[str, Any]:
    """Return a graph of all lines. A single statistic serves every line."""
    of_lines = statistics if len(statistics) == len(lines) else [statistics[0]] * len(lines)
    metrics = [
        [*_address(metric), {"label": label, "stat": statistic}]
        for (metric, label), statistic in zip(lines, of_lines, strict=True)
    ]
    return {
        "type": "metric",
        "properties": {"title": title, "metrics": metrics, "period": 60, "view": "timeSeries"},
    }


def _search(title: str, query: str) -> dict[str, Any]:
    expression = f"SEARCH('{query}', 'Sum', 300)"
    metrics = [[{"expression": expression, "id": "all", "label": ""}]]
    return {"type": "metric", "properties": {"title": title, "metrics": metrics, "view": "timeSeries"}}


def _address(metric: Metric) -> list[str]:
    """Return the metric as a dashboard names it: namespace, name, then each dimension and its value."""
    return [metric.namespace, metric.name, *(text for pair in metric.dimensions.items() for text in pair)]
