"""A deployed stage as the doctor sees it: read from AWS when a check asks, and each thing once."""

from __future__ import annotations

import json
from functools import cached_property
from typing import Any, Final

from chalice.cli.factory import CLIFactory
from chalice.config import Config

from infra import APP_NAME
from infra.deployer.preconditions import LANES
from infra.names import function_name, rest_api_name, websocket_api_name
from infra.stacks.templates import DATA, load
from infra.target import Target

TABLES: Final = ("tasks", "documents", "connections", "rollups")
QUEUES: Final = (*LANES, "dead-letters", "stream-failures", "schedule-failures")


class NotThere(LookupError):
    """What a check wanted to look at does not exist."""


class Patient:
    """Reading it changes nothing. What is not there raises what AWS says about it."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.stage = target.stage
        self._queues: dict[str, dict[str, Any]] = {}
        self._functions: dict[str, dict[str, Any]] = {}

    def client(self, service: str) -> Any:
        return self.target.clients(service)

    @property
    def place(self) -> str:
        """Where it is, for a person."""
        return self.target.place

    def name(self, resource: str) -> str:
        """The stage's own table, queue or topic."""
        return f"{APP_NAME}-{self.stage}-{resource}"

    # --- What is written down -------------------------------------------------------------------

    @property
    def template(self) -> dict[str, Any]:
        """The resources of infra/stacks/data.yaml."""
        resources: dict[str, Any] = load(DATA)["Resources"]
        return resources

    @cached_property
    def config(self) -> Config:
        """.chalice/config.json, as Chalice reads it for this stage."""
        return CLIFactory(str(self.target.project)).create_config_obj(self.stage)

    def config_of(self, function: str) -> Config:
        return self.config.scope(self.stage, function)

    def policy_file(self, function: str) -> Any:
        """The policy that the repository gives a function."""
        file = self.target.project / ".chalice" / self.config_of(function).iam_policy_file
        return json.loads(file.read_text())

    # --- What AWS has ---------------------------------------------------------------------------

    def queue(self, queue: str) -> dict[str, Any]:
        """A queue's attributes."""
        if queue not in self._queues:
            sqs = self.client("sqs")
            url = sqs.get_queue_url(QueueName=self.name(queue))["QueueUrl"]
            self._queues[queue] = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        return self._queues[queue]

    def function(self, function: str) -> dict[str, Any]:
        """A function's configuration."""
        if function not in self._functions:
            name = function_name(self.stage, function)
            found: dict[str, Any] = self.client("lambda").get_function_configuration(FunctionName=name)
            self._functions[function] = found
        return self._functions[function]

    def mappings(self, function: str) -> list[dict[str, Any]]:
        """What a function reads from."""
        name = function_name(self.stage, function)
        found: list[dict[str, Any]] = self.client("lambda").list_event_source_mappings(FunctionName=name)[
            "EventSourceMappings"
        ]
        return found

    def table(self, table: str) -> dict[str, Any]:
        found: dict[str, Any] = self.client("dynamodb").describe_table(TableName=self.name(table))["Table"]
        return found

    def expiry(self, table: str) -> str | None:
        """The attribute that says when a row goes; None when rows stay."""
        found = self.client("dynamodb").describe_time_to_live(TableName=self.name(table))
        expiry = found["TimeToLiveDescription"]
        return expiry.get("AttributeName") if expiry["TimeToLiveStatus"] in ("ENABLED", "ENABLING") else None

    def is_restorable(self, table: str) -> bool:
        """Has it point-in-time recovery?"""
        found = self.client("dynamodb").describe_continuous_backups(TableName=self.name(table))
        recovery = found["ContinuousBackupsDescription"].get("PointInTimeRecoveryDescription", {})
        return bool(recovery.get("PointInTimeRecoveryStatus") == "ENABLED")

    @cached_property
    def rest_api_id(self) -> str | None:
        pages = self.client("apigateway").get_paginator("get_rest_apis").paginate()
        name = rest_api_name(self.stage)
        return next((api["id"] for page in pages for api in page["items"] if api["name"] == name), None)

    @cached_property
    def websocket_api_id(self) -> str | None:
        pages = self.client("apigatewayv2").get_paginator("get_apis").paginate()
        name = websocket_api_name(self.stage)
        return next((api["ApiId"] for page in pages for api in page["Items"] if api["Name"] == name), None)

    @cached_property
    def alarms(self) -> dict[str, dict[str, Any]]:
        """The stage's alarms by their names."""
        pages = (
            self.client("cloudwatch")
            .get_paginator("describe_alarms")
            .paginate(AlarmNamePrefix=f"{APP_NAME}-{self.stage}-")
        )
        return {alarm["AlarmName"]: alarm for page in pages for alarm in page["MetricAlarms"]}

    @cached_property
    def log_groups(self) -> dict[str, int | None]:
        """How many days each log group of the stage keeps its lines; None: for ever."""
        pages = (
            self.client("logs")
            .get_paginator("describe_log_groups")
            .paginate(logGroupNamePrefix=f"/aws/lambda/{APP_NAME}-{self.stage}")
        )
        return {
            group["logGroupName"]: group.get("retentionInDays")
            for page in pages
            for group in page["logGroups"]
        }
