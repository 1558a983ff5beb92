"""The alarms of a stage. docs/how-to/operate.md explains each one and names the response."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from infra import APP_NAME
from infra.names import FUNCTIONS
from infra.stacks.metrics import Metric, api_metric, app_metric, function_metric, queue_metric

RUNBOOK: Final = "docs/how-to/operate.md"

ABOVE: Final = "GreaterThanThreshold"
BELOW: Final = "LessThanThreshold"
#: Functions that a client, a queue or the stream waits for: none of them may be throttled.
_WAITED_FOR: Final = ("api_handler", "websocket_connect", "run_tasks", "run_long_tasks", "push_updates")


@dataclass(frozen=True, kw_only=True)
class Condition:
    """The alarm rings when the statistic is beyond the bound for `periods` periods of `minutes` each."""

    statistic: str
    bound: float
    comparison: str = ABOVE
    minutes: int = 1
    periods: int = 1
    missing: str = "notBreaching"  #: "breaching" where a value must arrive in every period

    @property
    def properties(self) -> dict[str, Any]:
        """The condition's part of an AWS::CloudWatch::Alarm."""
        is_percentile = self.statistic.startswith("p")
        return {
            "ExtendedStatistic" if is_percentile else "Statistic": self.statistic,
            "Threshold": self.bound,
            "ComparisonOperator": self.comparison,
            "Period": self.minutes * 60,
            "EvaluationPeriods": self.periods,
            "TreatMissingData": self.missing,
        }


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """One metric and the condition on which somebody is alerted."""

    name: str
    description: str  #: for the person who is alerted
    metric: Metric
    condition: Condition

    def properties(self, stage: str, topic: Any) -> dict[str, Any]:
        """Return the properties of an AWS::CloudWatch::Alarm that alerts `topic`."""
        dimensions = self.metric.dimensions.items()
        return {
            "AlarmName": f"{APP_NAME}-{stage}-{self.name}",
            "AlarmDescription": f"{self.description} See {RUNBOOK}, {self.name}.",
            "Namespace": self.metric.namespace,
            "MetricName": self.metric.name,
            "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions],
            **self.condition.properties,
            "AlarmActions": [topic],
            "OKActions": [topic],
        }


def alarms(stage: str) -> list[Alarm]:
    """Return every alarm of a stage."""
    return [
        *_dead_letters(stage),
        *_waiting(stage),
        *_functions(stage),
        *_api(stage),
        *_heartbeats(stage),
        *_failures(stage),
    ]


def _dead_letters(stage: str) -> Iterator[Alarm]:
    yield Alarm(
        name="dead-letter-monitor-stuck",
        description="A dead letter has waited for 15 minutes: watch_dead_letters does not handle it.",
        metric=queue_metric(stage, "dead-letters", "ApproximateAgeOfOldestMessage"),
        condition=Condition(statistic="Maximum", bound=900, minutes=5),
    )
    yield Alarm(
        name="new-dead-letters",
        description="Tasks have failed for good.",
        metric=app_metric(stage, "DeadLetters"),
        condition=Condition(statistic="Sum", bound=0, minutes=5),
    )
    yield Alarm(
        name="dead-letter-errors",
        description="watch_dead_letters could not handle a dead letter, which stays in its queue.",
        metric=app_metric(stage, "DeadLetterErrors"),
        condition=Condition(statistic="Sum", bound=0, minutes=5),
    )


def _waiting(stage: str) -> Iterator[Alarm]:
    # Half an hour is longer than any delay that a message is sent with (15 minutes).
    for queue in ("fast", "long"):
        yield Alarm(
            name=f"{queue}-queue-old",
            description=(
                f"A message has waited in the {queue} queue for half an hour: too few workers, or none."
            ),
            metric=queue_metric(stage, queue, "ApproximateAgeOfOldestMessage"),
            condition=Condition(statistic="Maximum", bound=1800, minutes=5),
        )
    yield Alarm(
        name="tasks-wait",
        description="One task in twenty waits more than two minutes for a worker.",
        metric=app_metric(stage, "QueueWait"),
        condition=Condition(statistic="p95", bound=120_000, minutes=5, periods=3),
    )
    yield Alarm(
        name="sweep-late",
        description="The sweep acts on tasks five minutes after they were due.",
        metric=app_metric(stage, "SweepLag"),
        condition=Condition(statistic="Maximum", bound=300, periods=5),
    )
    yield Alarm(
        name="sweep-errors",
        description="The sweep failed to act on a task, which stays due.",
        metric=app_metric(stage, "SweepErrors"),
        condition=Condition(statistic="Sum", bound=0, minutes=5, periods=2),
    )


def _functions(stage: str) -> Iterator[Alarm]:
    for function in FUNCTIONS:
        yield Alarm(
            name=f"errors-{function}",
            description=f"{function} ended with errors, timeouts or crashes.",
            metric=function_metric(stage, function, "Errors"),
            condition=Condition(statistic="Sum", bound=2, minutes=5),
        )
    for function in _WAITED_FOR:
        yield Alarm(
            name=f"throttles-{function}",
            description=(
                f"Lambda refused to run {function}: "
                "the concurrency of the account or of the function is used up."
            ),
            metric=function_metric(stage, function, "Throttles"),
            condition=Condition(statistic="Sum", bound=0, minutes=5, periods=2),
        )
    yield Alarm(
        name="stream-late",
        description="push_updates is a minute behind the stream: clients receive updates late.",
        metric=function_metric(stage, "push_updates", "IteratorAge"),
        condition=Condition(statistic="Maximum", bound=60_000, periods=3),
    )


def _api(stage: str) -> Iterator[Alarm]:
    yield Alarm(
        name="api-5xx",
        description="The API responds with server errors.",
        metric=api_metric(stage, "5XXError"),
        condition=Condition(statistic="Sum", bound=4, minutes=5),
    )
    yield Alarm(
        name="api-slow",
        description="One request in a hundred takes more than three seconds.",
        metric=api_metric(stage, "Latency"),
        condition=Condition(statistic="p99", bound=3000, minutes=5, periods=3),
    )


def _heartbeats(stage: str) -> Iterator[Alarm]:
    """Yield the alarms that ring when a metric reports nothing."""
    yield Alarm(
        name="sweep-silent",
        description=(
            "No sweep has ended for five minutes: no scheduled task starts, and no lost task is recovered."
        ),
        metric=app_metric(stage, "SweepActed"),
        condition=Condition(
            statistic="SampleCount", bound=1, comparison=BELOW, periods=5, missing="breaching"
        ),
    )
    yield Alarm(
        name="dead-letter-monitor-silent",
        description=(
            "watch_dead_letters has not finished a run for twenty minutes: no alert reports failed tasks."
        ),
        metric=app_metric(stage, "DeadLetterDepth"),
        condition=Condition(
            statistic="SampleCount", bound=1, comparison=BELOW, minutes=10, periods=2, missing="breaching"
        ),
    )


def _failures(stage: str) -> Iterator[Alarm]:
    for queue, description in {
        "stream-failures": "Updates were dropped: connected clients miss them until their next sync.",
        "schedule-failures": "A scheduled event reached no function.",
    }.items():
        yield Alarm(
            name=queue,
            description=description,
            metric=queue_metric(stage, queue, "ApproximateNumberOfMessagesVisible"),
            condition=Condition(statistic="Maximum", bound=0, minutes=5),
        )
