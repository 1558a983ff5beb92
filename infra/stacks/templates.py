"""CloudFormation templates as plain data: their resources, and the names of those resources in a stage."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

DATA: Final = Path(__file__).with_name("data.yaml")
#: The property that holds a resource's name, for each type that the service names itself.
_NAME_PROPERTIES: Final = {
    "AWS::DynamoDB::Table": "TableName",
    "AWS::SQS::Queue": "QueueName",
    "AWS::SNS::Topic": "TopicName",
    "AWS::Logs::LogGroup": "LogGroupName",
}


class _Loader(yaml.SafeLoader):
    """Reads CloudFormation's short functions (`!Sub x`) as their long forms (`{"Fn::Sub": x}`)."""


def _long_form(loader: yaml.SafeLoader, function: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
        if function == "GetAtt":
            value = value.split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = loader.construct_mapping(node, deep=True)
    return {function if function in ("Ref", "Condition") else f"Fn::{function}": value}


_Loader.add_multi_constructor("!", _long_form)


def load(path: Path) -> dict[str, Any]:
    """Return the template in a YAML file, with CloudFormation's functions in their long forms."""
    template: dict[str, Any] = yaml.load(path.read_text(), _Loader)  # noqa: S506 - a SafeLoader
    return template


def physical_name(resource: Mapping[str, Any], stage: str) -> str | None:
    """Return the name of a stage's resource on AWS; None for a type that the service does not name."""
    key = _NAME_PROPERTIES.get(resource["Type"])
    if key is None:
        return None
    name = resource["Properties"][key]
    text: str = name["Fn::Sub"] if isinstance(name, dict) else name
    return text.replace("${Stage}", stage)
