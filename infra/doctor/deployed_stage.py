"""A deployed stage as the checks read it: each resource is read from AWS once, when a check needs it."""

from __future__ import annotations

import json
from functools import cached_property
from typing import Any, Final

from infra import APP_NAME
from infra.deployer.app_functions import stage_config
from infra.deployer.preconditions import LANES
from infra.names import function_name, rest_api_name, websocket_api_name
from infra.stacks.templates import DATA, load
from infra.target import Target

TABLES: Final = ("tasks", "documents", "connections", "rollups")
QUEUES: Final = (*LANES, "dead-letters", "stream-failures", "schedule-failures")


class ResourceMissing(LookupError):
    """A resource that a check reads does not exist."""


class DeployedStage:
    """Reads a stage and changes nothing. A missing resource raises AWS's own error."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.stage = target.stage
        self._queues: dict[str, dict[str, Any]] = {}
        self._functions: dict[str, dict[str, Any]] = {}

    def client(self, service: str) -> Any:
        """Return the client of an AWS service."""
        return self.target.clients(service)

    @property
    def title(self) -> str:
        """Stage, account and region, for a person."""
        return self.target.title

    def name(self, resource: str) -> str:
        """Return the name on AWS of one of the stage's tables, queues, topics or alarms."""
        return f"{APP_NAME}-{self.stage}-{resource}"

    # --- Desired state, from the repository -----------------------------------------------------

    @property
    def template(self) -> dict[str, Any]:
        """The resources of infra/stacks/data.yaml."""
        resources: dict[str, Any] = load(DATA)["Resources"]
        return resources

    @cached_property
    def config(self) -> Any:
        """Chalice's configuration of this stage, from .chalice/config.json."""
        return stage_config(self.target.project, self.stage)

    def config_of(self, function: str) -> Any:
        """Return the configuration of one function."""
        return self.config.scope(self.stage, function)

    def policy_file(self, function: str) -> Any:
        """Return the repository's policy of a function."""
        file = self.target.project / ".chalice" / self.config_of(function).iam_policy_file
        return json.loads(file.read_text())

    # --- Current state, from AWS ----------------------------------------------------------------

    def queue(self, queue: str) -> dict[str, Any]:
        """Return a queue's attributes."""
        if queue not in self._queues:
            sqs = self.client("sqs")
            url = sqs.get_queue_url(QueueName=self.name(queue))["QueueUrl"]
            self._queues[queue] = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        return self._queues[queue]

    def function(self, function: str) -> dict[str, Any]:
        """Return a function's configuration."""
        if function not in self._functions:
            name = function_name(self.stage, function)
            configuration = self.client("lambda").get_function_configuration(FunctionName=name)
            self._functions[function] = configuration
        return self._functions[function]

    def mappings(self, function: str) -> list[dict[str, Any]]:
        """Return a function's event source mappings."""
        name = function_name(self.stage, function)
        response = self.client("lambda").list_event_source_mappings(FunctionName=name)
        mappings: list[dict[str, Any]] = response["EventSourceMappings"]
        return mappings

    def table(self, table: str) -> dict[str, Any]:
        """Return a table's description."""
        response = self.client("dynamodb").describe_table(TableName=self.name(table))
        description: dict[str, Any] = response["Table"]
        return description

    def expiry(self, table: str) -> str | None:
        """Return the attribute with a row's expiry; None when rows do not expire."""
        response = self.client("dynamodb").describe_time_to_live(TableName=self.name(table))
        expiry = response["TimeToLiveDescription"]
        return expiry.get("AttributeName") if expiry["TimeToLiveStatus"] in ("ENABLED", "ENABLING") else None

    def is_restorable(self, table: str) -> bool:
        """Return whether the table has point-in-time recovery."""
        response = self.client("dynamodb").describe_continuous_backups(TableName=self.name(table))
        recovery = response["ContinuousBackupsDescription"].get("PointInTimeRecoveryDescription", {})
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
        """Retention in days of each of the stage's log groups; None for unlimited."""
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
