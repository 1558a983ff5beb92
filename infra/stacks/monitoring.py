"""The stack of what watches the app: alarms, dashboard and saved queries. It comes and goes with the app."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any, Final

from infra import APP_NAME, Clients
from infra.names import FUNCTIONS, function_name
from infra.stacks.alarms import alarms
from infra.stacks.dashboard import dashboard
from infra.stacks.log_queries import QUERIES
from infra.stacks.stack import Stack

_PLACE: Final = "${AWS::Region}:${AWS::AccountId}"
_ALARM_ARN: Final = f"arn:${{AWS::Partition}}:cloudwatch:{_PLACE}:alarm:{{}}"


def monitoring_stack(clients: Clients, stage: str, *, emulated: bool) -> Stack:
    """The stage's monitoring, to be put after its data and deleted before it."""
    return Stack(
        clients=cache(clients),
        name=stack_name(stage),
        stage=stage,
        template=monitoring_template(stage, with_queries=not emulated),
    )


def stack_name(stage: str) -> str:
    """What the stack is called in CloudFormation."""
    return f"{APP_NAME}-{stage}-monitoring"


def monitoring_template(stage: str, *, with_queries: bool = True) -> dict[str, Any]:
    """The template; the emulator knows no saved queries."""
    topic = {"Fn::Sub": f"arn:${{AWS::Partition}}:sns:{_PLACE}:{APP_NAME}-{stage}-alerts"}
    resources = {
        f"{_logical(alarm.name)}Alarm": {
            "Type": "AWS::CloudWatch::Alarm",
            "Properties": alarm.properties(stage, topic),
        }
        for alarm in alarms(stage)
    }
    # The body is text to CloudFormation, which puts in the region and the account.
    body = json.dumps(dashboard(stage, region="${AWS::Region}", alarm_arn=_ALARM_ARN))
    resources["Dashboard"] = {
        "Type": "AWS::CloudWatch::Dashboard",
        "Properties": {"DashboardName": f"{APP_NAME}-{stage}", "DashboardBody": {"Fn::Sub": body}},
    }
    if with_queries:
        resources |= _queries(stage)
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": f"Watches the Task Processing Service in stage {stage}: alarms, dashboard, queries.",
        "Resources": resources,
    }


def _queries(stage: str) -> dict[str, Any]:
    groups = [f"/aws/lambda/{function_name(stage, each)}" for each in FUNCTIONS]
    return {
        f"{_logical(title)}Query": {
            "Type": "AWS::Logs::QueryDefinition",
            "Properties": {
                "Name": f"{APP_NAME}/{stage}/{title}",
                "LogGroupNames": groups,
                "QueryString": query,
            },
        }
        for title, query in QUERIES.items()
    }


def _logical(words: str) -> str:
    return "".join(word.capitalize() for word in re.split(r"[^A-Za-z0-9]+", words))
