"""What wakes somebody. docs/how-to/operate.md says for each alarm what it means and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from infra import APP_NAME
from infra.functions import FUNCTIONS, function_name, rest_api_name

SERVICE: Final = "TaskService"  #: the app's own metrics, as chalicelib/observability.py prints them

ABOVE: Final = "GreaterThanThreshold"
BELOW: Final = "LessThanThreshold"
#: Functions that somebody or something waits for: they must not be throttled.
_WAITED_FOR: Final = ("api_handler", "websocket_connect", "run_tasks", "run_long_tasks", "push_updates")


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """One metric and the bound that it must keep. It rings after `periods` of `minutes` beyond it."""

    name: str
    says: str  #: for the person whom it wakes
    namespace: str
    metric: str
    dimensions: dict[str, str]
    statistic: str
    bound: float
    comparison: str = ABOVE
    minutes: int = 1
    periods: int = 1
    missing: str = "notBreaching"  #: no data is bad news where something must happen every minute

    def properties(self, stage: str, topic: Any) -> dict[str, Any]:
        """Those of an AWS::CloudWatch::Alarm."""
        percentile = self.statistic.startswith("p")
        return {
            "AlarmName": f"{APP_NAME}-{stage}-{self.name}",
            "AlarmDescription": f"{self.says} See docs/how-to/operate.md, {self.name}.",
            "Namespace": self.namespace,
            "MetricName": self.metric,
            "Dimensions": [{"Name": key, "Value": value} for key, value in self.dimensions.items()],
            "ExtendedStatistic" if percentile else "Statistic": self.statistic,
            "Threshold": self.bound,
            "ComparisonOperator": self.comparison,
            "Period": self.minutes * 60,
            "EvaluationPeriods": self.periods,
            "TreatMissingData": self.missing,
            "AlarmActions": [topic],
            "OKActions": [topic],
        }


def alarms(stage: str) -> list[Alarm]:
    """Every alarm of a stage."""
    return [
        *_dead_letters(stage),
        *_waiting(stage),
        *_functions(stage),
        *_api(stage),
        *_heartbeats(stage),
        *_lost(stage),
    ]


def _dead_letters(stage: str) -> Iterator[Alarm]:
    yield Alarm(
        name="dead-letter-monitor-stuck",
        says="A dead letter has waited for 15 minutes: watch_dead_letters does not do its work.",
        **_age_of_queue(stage, "dead-letters"),
        bound=900,
        minutes=5,
    )
    yield Alarm(
        name="new-dead-letters",
        says="Tasks have failed for good.",
        **_own(stage, "DeadLetters"),
        statistic="Sum",
        bound=0,
        minutes=5,
    )
    yield Alarm(
        name="dead-letter-errors",
        says="watch_dead_letters could not handle a dead letter, which stays in its queue.",
        **_own(stage, "DeadLetterErrors"),
        statistic="Sum",
        bound=0,
        minutes=5,
    )


def _waiting(stage: str) -> Iterator[Alarm]:
    # Longer than any delay that a message is sent with (15 minutes).
    for queue in ("fast", "long"):
        yield Alarm(
            name=f"{queue}-queue-old",
            says=f"A message has waited in the {queue} queue for half an hour: too few workers, or none.",
            **_age_of_queue(stage, queue),
            bound=1800,
            minutes=5,
        )
    yield Alarm(
        name="tasks-wait",
        says="One task in twenty waits more than two minutes for a worker.",
        **_own(stage, "QueueWait"),
        statistic="p95",
        bound=120_000,
        minutes=5,
        periods=3,
    )
    yield Alarm(
        name="sweep-late",
        says="The sweep acts on tasks five minutes after they were due.",
        **_own(stage, "SweepLag"),
        statistic="Maximum",
        bound=300,
        periods=5,
    )
    yield Alarm(
        name="sweep-errors",
        says="The sweep failed to act on a task, which stays due.",
        **_own(stage, "SweepErrors"),
        statistic="Sum",
        bound=0,
        minutes=5,
        periods=2,
    )


def _functions(stage: str) -> Iterator[Alarm]:
    for function in FUNCTIONS:
        yield Alarm(
            name=f"errors-{function}",
            says=f"{function} ended with errors, timeouts or crashes.",
            **_of_function(stage, function, "Errors"),
            statistic="Sum",
            bound=2,
            minutes=5,
        )
    for function in _WAITED_FOR:
        yield Alarm(
            name=f"throttles-{function}",
            says=f"Lambda refused to run {function}: the account's or the function's concurrency is used up.",
            **_of_function(stage, function, "Throttles"),
            statistic="Sum",
            bound=0,
            minutes=5,
            periods=2,
        )
    yield Alarm(
        name="stream-late",
        says="push_updates is a minute behind the stream: clients see old news.",
        **_of_function(stage, "push_updates", "IteratorAge"),
        statistic="Maximum",
        bound=60_000,
        periods=3,
    )


def _api(stage: str) -> Iterator[Alarm]:
    api = {"ApiName": rest_api_name(stage), "Stage": stage}
    yield Alarm(
        name="api-5xx",
        says="The API answers with server errors.",
        namespace="AWS/ApiGateway",
        metric="5XXError",
        dimensions=api,
        statistic="Sum",
        bound=4,
        minutes=5,
    )
    yield Alarm(
        name="api-slow",
        says="One request in a hundred takes more than three seconds.",
        namespace="AWS/ApiGateway",
        metric="Latency",
        dimensions=api,
        statistic="p99",
        bound=3000,
        minutes=5,
        periods=3,
    )


def _heartbeats(stage: str) -> Iterator[Alarm]:
    """Silence is what these ring for."""
    yield Alarm(
        name="sweep-silent",
        says="No sweep has ended for five minutes: nothing scheduled starts, nothing lost comes back.",
        **_own(stage, "SweepActed"),
        statistic="SampleCount",
        bound=1,
        comparison=BELOW,
        periods=5,
        missing="breaching",
    )
    yield Alarm(
        name="dead-letter-monitor-silent",
        says="watch_dead_letters has not finished a run for twenty minutes: nobody is told of failed tasks.",
        **_own(stage, "DeadLetterDepth"),
        statistic="SampleCount",
        bound=1,
        comparison=BELOW,
        minutes=10,
        periods=2,
        missing="breaching",
    )


def _lost(stage: str) -> Iterator[Alarm]:
    for queue, says in {
        "stream-failures": "Updates were given up: clients that watched have missed them until they sync.",
        "schedule-failures": "A tick of a schedule reached no function.",
    }.items():
        yield Alarm(
            name=queue,
            says=says,
            namespace="AWS/SQS",
            metric="ApproximateNumberOfMessagesVisible",
            dimensions={"QueueName": f"{APP_NAME}-{stage}-{queue}"},
            statistic="Maximum",
            bound=0,
            minutes=5,
        )


def _age_of_queue(stage: str, queue: str) -> dict[str, Any]:
    return {
        "namespace": "AWS/SQS",
        "metric": "ApproximateAgeOfOldestMessage",
        "dimensions": {"QueueName": f"{APP_NAME}-{stage}-{queue}"},
        "statistic": "Maximum",
    }


def _own(stage: str, metric: str) -> dict[str, Any]:
    return {"namespace": SERVICE, "metric": metric, "dimensions": {"Stage": stage}}


def _of_function(stage: str, function: str, metric: str) -> dict[str, Any]:
    dimensions = {"FunctionName": function_name(stage, function)}
    return {"namespace": "AWS/Lambda", "metric": metric, "dimensions": dimensions}
