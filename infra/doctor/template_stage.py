"""A stage as a template describes it: the doctor checks it before it is deployed, without AWS."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from infra.doctor.deployed_stage import DeployedStage, ResourceMissing
from infra.errors import BadInput
from infra.stacks.monitoring import monitoring_template
from infra.stacks.templates import load, physical_name
from infra.target import Target, check_stage, read_stages

_QUEUE_DEFAULTS = {"VisibilityTimeout": "30", "MessageRetentionPeriod": "345600"}


class TemplateStage(DeployedStage):
    """Replaces a deployed stage for the checks that need only a template.

    Functions are those of .chalice/config.json, and alarms those of the monitoring stack.
    """

    def __init__(self, project: Path, stage: str, file: Path) -> None:
        """Raises: BadInput when there is no such stage, or the file is not a template."""
        check_stage(read_stages(project), stage)
        super().__init__(Target(stage=stage, region="", account="", project=project, clients=_no_client))
        self._file = file
        self._resources = resolved(_read(file), {"Stage": stage, "AlertEmail": ""})

    @property
    def title(self) -> str:
        return f"stage {self.stage}, as in {self._file}"

    def queue(self, queue: str) -> dict[str, Any]:
        properties = self._properties("AWS::SQS::Queue", self.name(queue))
        attributes = {
            key: json.dumps(value) if isinstance(value, dict) else str(value).lower()
            for key, value in properties.items()
        }
        return {**_QUEUE_DEFAULTS, **attributes, "QueueArn": self.name(queue)}

    def function(self, function: str) -> dict[str, Any]:
        return {"Timeout": self.config_of(function).lambda_timeout}

    def table(self, table: str) -> dict[str, Any]:
        return self._properties("AWS::DynamoDB::Table", self.name(table))

    def expiry(self, table: str) -> str | None:
        expiry = self.table(table).get("TimeToLiveSpecification", {})
        return expiry.get("AttributeName") if expiry.get("Enabled") else None

    def is_restorable(self, table: str) -> bool:
        recovery = self.table(table).get("PointInTimeRecoverySpecification", {})
        return bool(recovery.get("PointInTimeRecoveryEnabled"))

    @property
    def alarms(self) -> dict[str, dict[str, Any]]:
        monitoring = resolved(monitoring_template(self.stage), {})
        resources = {**self._resources, **monitoring}.values()
        return {
            each["Properties"]["AlarmName"]: {"StateValue": "OK", **each["Properties"]}
            for each in resources
            if each["Type"] == "AWS::CloudWatch::Alarm"
        }

    @property
    def log_groups(self) -> dict[str, int | None]:
        groups = [each for each in self._resources.values() if each["Type"] == "AWS::Logs::LogGroup"]
        return {
            each["Properties"]["LogGroupName"]: each["Properties"].get("RetentionInDays") for each in groups
        }

    def _properties(self, kind: str, name: str) -> dict[str, Any]:
        for resource in self._resources.values():
            if resource["Type"] == kind and physical_name(resource, self.stage) == name:
                properties: dict[str, Any] = resource["Properties"]
                return properties
        raise ResourceMissing(f"{self._file} has no {kind} named {name}.")


def resolved(template: Mapping[str, Any], parameters: Mapping[str, str]) -> dict[str, Any]:
    """Return the template's resources with all functions evaluated. The ARN of a queue is its name."""
    evaluate = _Evaluator(template, parameters)
    return {name: {"Properties": {}, **evaluate(each)} for name, each in template["Resources"].items()}


class _Evaluator:
    """Evaluates CloudFormation's functions. An unknown function stays unevaluated."""

    def __init__(self, template: Mapping[str, Any], parameters: Mapping[str, str]) -> None:
        self._template = template
        self._parameters = parameters
        self._functions: dict[str, Callable[[Any], Any]] = {
            "Ref": lambda name: parameters.get(name, name),
            "Fn::Sub": self._sub,
            "Fn::GetAtt": self._get_att,
            "Fn::If": self._if,
            "Fn::Equals": lambda sides: self(sides[0]) == self(sides[1]),
            "Fn::Not": lambda conditions: not self(conditions[0]),
        }

    def __call__(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self(each) for each in value]
        if not isinstance(value, Mapping):
            return value
        name = next(iter(value), None)
        if len(value) == 1 and name in self._functions:
            return self._functions[name](value[name])
        return {key: self(each) for key, each in value.items()}

    def _sub(self, text: str) -> str:
        for name, value in self._parameters.items():
            text = text.replace(f"${{{name}}}", value)
        return text

    def _get_att(self, path: list[str]) -> Any:
        resource = self._template["Resources"].get(path[0], {})
        return self(resource.get("Properties", {}).get("QueueName", path[0]))

    def _if(self, choice: list[Any]) -> Any:
        condition, then, otherwise = choice
        return self(then if self(self._template["Conditions"][condition]) else otherwise)


def _read(file: Path) -> dict[str, Any]:
    try:
        template = load(file)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", "it is not text")
        raise BadInput(f"{file} cannot be read: {reason}.") from error
    except yaml.YAMLError as error:
        raise BadInput(f"{file} is not YAML: {' '.join(str(error).split())}.") from error
    resources = template.get("Resources") if isinstance(template, dict) else None
    if not isinstance(resources, dict) or not all(
        isinstance(each, dict) and "Type" in each for each in resources.values()
    ):
        raise BadInput(f"{file} is not a CloudFormation template: it has no Resources with a Type.")
    return template


def _no_client(service: str) -> Any:
    raise ResourceMissing(f"A template does not describe {service}.")
