"""CloudWatch metrics of a stage, as alarms and the dashboard refer to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from infra import APP_NAME
from infra.names import function_name, rest_api_name

APP_NAMESPACE: Final = "TaskService"  #: the app's own metrics, which chalicelib/observability.py prints


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One metric, by its full address in CloudWatch."""

    namespace: str
    name: str
    dimensions: Mapping[str, str]


def app_metric(stage: str, name: str) -> Metric:
    """Return a metric that the app itself reports."""
    return Metric(namespace=APP_NAMESPACE, name=name, dimensions={"Stage": stage})


def api_metric(stage: str, name: str) -> Metric:
    """Return a metric of the REST API."""
    dimensions = {"ApiName": rest_api_name(stage), "Stage": stage}
    return Metric(namespace="AWS/ApiGateway", name=name, dimensions=dimensions)


def queue_metric(stage: str, queue: str, name: str) -> Metric:
    """Return a metric of a queue, given by its short name."""
    return Metric(namespace="AWS/SQS", name=name, dimensions={"QueueName": f"{APP_NAME}-{stage}-{queue}"})


def function_metric(stage: str, function: str, name: str) -> Metric:
    """Return a metric of a function, given by Chalice's name."""
    dimensions = {"FunctionName": function_name(stage, function)}
    return Metric(namespace="AWS/Lambda", name=name, dimensions=dimensions)


def table_metric(stage: str, table: str, name: str) -> Metric:
    """Return a metric of a table, given by its short name."""
    dimensions = {"TableName": f"{APP_NAME}-{stage}-{table}"}
    return Metric(namespace="AWS/DynamoDB", name=name, dimensions=dimensions)
