"""The stage's dashboard: the life of tasks on top, what it costs at the bottom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from infra import APP_NAME
from infra.names import FUNCTIONS, function_name, rest_api_name
from infra.stacks.alarms import SERVICE, alarms

_WIDTH: Final = 24
_HEIGHT: Final = 6
#: Each metric with what its line is called.
Lines = Sequence[tuple[Sequence[Any], str]]


def dashboard(stage: str, region: Any, alarm_arn: str) -> dict[str, Any]:
    """A dashboard's body. `alarm_arn` holds `{}` in the place of an alarm's name."""
    rows = [
        [_alarms(stage, alarm_arn)],
        _tasks(stage),
        _waits(stage),
        _failures(stage),
        _updates(stage),
        _cost(stage),
    ]
    widgets = []
    for number, row in enumerate(rows):
        width = _WIDTH // len(row)
        for place, widget in enumerate(row):
            if widget["type"] == "metric":
                widget["properties"]["region"] = region
            position = {"x": place * width, "y": number * _HEIGHT, "width": width, "height": _HEIGHT}
            widgets.append({**widget, **position})
    return {"widgets": widgets}


def _tasks(stage: str) -> list[dict[str, Any]]:
    ends = ("TasksSucceeded", "TasksFailed", "TasksCanceled", "TasksExpired")
    moves = ("TasksCreated", "TasksRetried", "TasksSnoozed", "TasksRedriven")
    return [
        _graph("Tasks that ended", [(_own(stage, name), name[5:].lower()) for name in ends]),
        _graph("Tasks on their way", [(_own(stage, name), name[5:].lower()) for name in moves]),
        _graph("Requests", [(_api(stage, name), name) for name in ("Count", "4XXError", "5XXError")]),
    ]


def _waits(stage: str) -> list[dict[str, Any]]:
    percentiles = ("p50", "p95", "p99")
    return [
        _graph("Queue wait (ms)", [(_own(stage, "QueueWait"), each) for each in percentiles], percentiles),
        _graph("Run time (ms)", [(_own(stage, "RunTime"), each) for each in percentiles], percentiles),
        _graph("API latency (ms)", [(_api(stage, "Latency"), each) for each in percentiles], percentiles),
    ]


def _failures(stage: str) -> list[dict[str, Any]]:
    by_type = f'{{{SERVICE},Stage,TaskType}} MetricName="TasksFailed" Stage="{stage}"'
    by_kind = f'{{{SERVICE},Stage,ErrorKind}} MetricName="DeadLetters" Stage="{stage}"'
    queues = ("fast", "long", "dead-letters", "stream-failures", "schedule-failures")
    return [
        _search("Failures by task type", by_type),
        _search("Dead letters by kind of error", by_kind),
        _graph(
            "Messages that wait",
            [(_queue(stage, queue, "ApproximateNumberOfMessagesVisible"), queue) for queue in queues],
            ["Maximum"],
        ),
    ]


def _updates(stage: str) -> list[dict[str, Any]]:
    age = (_function(stage, "push_updates", "IteratorAge"), "iterator age")
    return [
        _graph("Frames to clients", [(_own(stage, name), name) for name in ("Pushes", "PushFailures")]),
        _graph("Behind the stream (ms)", [age], ["Maximum"]),
        _graph("Sweep lag (s)", [(_own(stage, "SweepLag"), "lag")], ["Maximum"]),
    ]


def _cost(stage: str) -> list[dict[str, Any]]:
    tables = ("tasks", "documents", "connections", "rollups")
    writes = [
        (["AWS/DynamoDB", "ConsumedWriteCapacityUnits", "TableName", f"{APP_NAME}-{stage}-{table}"], table)
        for table in tables
    ]
    return [
        _graph("Write units", writes),
        _graph("Lambda time (ms)", [(_function(stage, each, "Duration"), each) for each in FUNCTIONS]),
        _graph(
            "Messages sent",
            [(_queue(stage, queue, "NumberOfMessagesSent"), queue) for queue in ("fast", "long")],
        ),
    ]


def _alarms(stage: str, arn: str) -> dict[str, Any]:
    names = [f"{APP_NAME}-{stage}-{alarm.name}" for alarm in alarms(stage)]
    return {
        "type": "alarm",
        "properties": {"title": "Alarms", "alarms": [arn.replace("{}", name) for name in names]},
    }


def _graph(title: str, lines: Lines, statistics: Sequence[str] = ("Sum",)) -> dict[str, Any]:
    """One line for each; with as many statistics as lines, each has its own."""
    each = statistics if len(statistics) == len(lines) else [statistics[0]] * len(lines)
    metrics = [
        [*metric, {"label": label, "stat": stat}] for (metric, label), stat in zip(lines, each, strict=True)
    ]
    return {
        "type": "metric",
        "properties": {"title": title, "metrics": metrics, "period": 60, "view": "timeSeries"},
    }


def _search(title: str, words: str) -> dict[str, Any]:
    expression = f"SEARCH('{words}', 'Sum', 300)"
    metrics = [[{"expression": expression, "id": "all", "label": ""}]]
    return {"type": "metric", "properties": {"title": title, "metrics": metrics, "view": "timeSeries"}}


def _own(stage: str, metric: str) -> list[str]:
    return [SERVICE, metric, "Stage", stage]


def _api(stage: str, metric: str) -> list[str]:
    return ["AWS/ApiGateway", metric, "ApiName", rest_api_name(stage), "Stage", stage]


def _queue(stage: str, queue: str, metric: str) -> list[str]:
    return ["AWS/SQS", metric, "QueueName", f"{APP_NAME}-{stage}-{queue}"]


def _function(stage: str, function: str, metric: str) -> list[str]:
    return ["AWS/Lambda", metric, "FunctionName", function_name(stage, function)]
