"""The stack of alarms, dashboard and saved queries. It is removed together with the app."""

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

_REGION_AND_ACCOUNT: Final = "${AWS::Region}:${AWS::AccountId}"
_ALARM_ARN: Final = f"arn:${{AWS::Partition}}:cloudwatch:{_REGION_AND_ACCOUNT}:alarm:{{}}"


def monitoring_stack(clients: Clients, stage: str, *, emulated: bool) -> Stack:
    """Return the stage's monitoring stack. Create it after the data stack, and delete it before the app."""
    return Stack(
        clients=cache(clients),
        name=f"{APP_NAME}-{stage}-monitoring",
        stage=stage,
        template=monitoring_template(stage, with_queries=not emulated),
    )


def monitoring_template(stage: str, *, with_queries: bool = True) -> dict[str, Any]:
    """Return the template. The emulator does not support saved queries."""
    topic = {"Fn::Sub": f"arn:${{AWS::Partition}}:sns:{_REGION_AND_ACCOUNT}:{APP_NAME}-{stage}-alerts"}
    resources = {
        f"{_logical_name(alarm.name)}Alarm": {
            "Type": "AWS::CloudWatch::Alarm",
            "Properties": alarm.properties(stage, topic),
        }
        for alarm in alarms(stage)
    }
    # CloudFormation takes the body as text and substitutes region and account in it.
    body = json.dumps(dashboard(stage, region="${AWS::Region}", alarm_arn=_ALARM_ARN))
    resources["Dashboard"] = {
        "Type": "AWS::CloudWatch::Dashboard",
        "Properties": {"DashboardName": f"{APP_NAME}-{stage}", "DashboardBody": {"Fn::Sub": body}},
    }
    if with_queries:
        resources |= _queries(stage)
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": f"Monitors the Task Processing Service in stage {stage}: alarms, dashboard, queries.",
        "Resources": resources,
    }


def _queries(stage: str) -> dict[str, Any]:
    log_groups = [f"/aws/lambda/{function_name(stage, each)}" for each in FUNCTIONS]
    return {
        f"{_logical_name(title)}Query": {
            "Type": "AWS::Logs::QueryDefinition",
            "Properties": {
                "Name": f"{APP_NAME}/{stage}/{title}",
                "LogGroupNames": log_groups,
                "QueryString": query,
            },
        }
        for title, query in QUERIES.items()
    }


def _logical_name(text: str) -> str:
    return "".join(word.capitalize() for word in re.split(r"[^A-Za-z0-9]+", text))
