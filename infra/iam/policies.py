"""`python -m infra.iam`: one IAM policy for each function of each stage, from the calls that it makes.

The calls are in calls.json, as the functional tests saw them (`make policies` records them anew). Chalice's
PolicyBuilder says which action a call needs; what is added here is the resource, which it leaves at `*`.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from chalice.constants import DDB_EVENT_SOURCE_POLICY, SQS_EVENT_SOURCE_POLICY, XRAY_POLICY
from chalice.policy import PolicyBuilder, load_api_policy_actions

from infra import APP_NAME
from infra.deployer.app_functions import PROJECT, Function, functions_of, stages

CALLS_FILE: Final = Path(__file__).with_name("calls.json")
#: What task types call with clients of their own, by hand: {function: [statement, ...]}. It need not exist.
OWN_RIGHTS_FILE: Final = Path(__file__).with_name("own_rights.json")
POLICIES: Final = PROJECT / ".chalice"

#: Where Lambda describes what push_updates could not process; `event_sources.mapping_options` names it, too.
STREAM_FAILURES: Final = "stream-failures"

#: Of one function: service → method of its client → short names of what it is called on.
Calls = Mapping[str, Mapping[str, Iterable[str]]]

#: A resource's ARN from its short name. A role reaches its own account, and the app its own region, only.
_ARNS: Final = {
    "dynamodb": "arn:*:dynamodb:*:*:table/{app}-{stage}-{name}",
    "sqs": "arn:*:sqs:*:*:{app}-{stage}-{name}",
    "sns": "arn:*:sns:*:*:{app}-{stage}-{name}",
    "ssm": "arn:*:ssm:*:*:parameter/{app}/{stage}/{name}",
    "logs": "arn:*:logs:*:*:log-group:/aws/lambda/{name}:*",
    # The id of the WebSocket API is not known before the first deployment.
    "apigatewaymanagementapi": "arn:*:execute-api:*:*:*/{stage}/{name}/@connections/*",
}

#: What Chalice's table of actions lacks.
_MORE_ACTIONS: Final = {
    "apigatewaymanagementapi": {
        "PostToConnection": "execute-api:ManageConnections",
        "DeleteConnection": "execute-api:ManageConnections",
    }
}
#: The parts of a transaction and the statements of a batch are authorised one by one: the whole is no action.
_PARTS: Final = {
    "dynamodb": {
        "transact_put": ["dynamodb:PutItem"],
        "transact_update": ["dynamodb:UpdateItem"],
        "transact_delete": ["dynamodb:DeleteItem"],
        "transact_condition_check": ["dynamodb:ConditionCheckItem"],
        "partiql_insert": ["dynamodb:PartiQLInsert"],
        "partiql_update": ["dynamodb:PartiQLUpdate"],
    }
}


def recorded_calls() -> dict[str, Calls]:
    """The calls of each function, by its key, as they are checked in."""
    found: dict[str, Calls] = json.loads(CALLS_FILE.read_text())
    return found


def file_name(stage: str, function: str) -> str:
    """What the policy of a stage's function is called, in .chalice and in config.json."""
    return f"policy-{stage}-{function}.json"


def own_rights(file: Path = OWN_RIGHTS_FILE) -> dict[str, list[dict[str, Any]]]:
    """Statements that a team adds to its functions' policies, by function."""
    found: dict[str, list[dict[str, Any]]] = json.loads(file.read_text()) if file.exists() else {}
    return found


def policy(
    stage: str, function: Function, calls: Calls, own: Iterable[dict[str, Any]] = ()
) -> dict[str, Any]:
    """What a function's role allows: its calls, and what Lambda does in its name before and after a run.

    `own` statements are added as they are, with `${Stage}` in a resource replaced by the stage.
    """
    statements = [
        _statement(stage, service, resource, methods)
        for service, resource, methods in _by_resource(calls, _around_a_run(function))
    ]
    statements += _event_source(stage, function)
    if function.model.xray:
        statements.append(dict(XRAY_POLICY))  # which cannot be narrowed
    added = [json.loads(json.dumps(each).replace("${Stage}", stage)) for each in own]
    return {"Version": PolicyBuilder.VERSION, "Statement": [*_merged(statements), *added]}


def rendered_policies() -> dict[str, str]:
    """The text of every policy file of every stage, by its name."""
    calls, own = recorded_calls(), own_rights()
    policies = {
        file_name(stage, each.key): policy(stage, each, calls.get(each.key, {}), own.get(each.key, []))
        for stage in stages()
        for each in functions_of(stage)
    }
    return {name: json.dumps(policies[name], indent=2) + "\n" for name in policies}


def write_policies() -> None:
    """Make the policies in .chalice those that follow from the recorded calls, and remove all others."""
    files = {POLICIES / name: text for name, text in rendered_policies().items()}
    for stale in set(POLICIES.glob("policy*.json")) - set(files):
        stale.unlink()
    for file, text in files.items():
        file.write_text(text)


def _around_a_run(function: Function) -> Calls:
    """Logs go to the function's own log group, which the stack has made; given-up records to their queue."""
    calls: dict[str, dict[str, list[str]]] = {
        "logs": {"create_log_stream": [function.name], "put_log_events": [function.name]}
    }
    if function.reads_stream:
        calls["sqs"] = {"send_message": [STREAM_FAILURES]}
    return calls


def _event_source(stage: str, function: Function) -> list[dict[str, Any]]:
    """What Lambda needs to read the queue or stream that wakes the function, in Chalice's own words."""
    if function.queue is not None:
        return [{**SQS_EVENT_SOURCE_POLICY, "Resource": [_arn(stage, "sqs", function.queue)]}]
    if function.reads_stream:
        return [{**DDB_EVENT_SOURCE_POLICY, "Resource": [_arn(stage, "dynamodb", "tasks/stream/*")]}]
    return []


def _by_resource(*together: Calls) -> Iterable[tuple[str, str, set[str]]]:
    """(service, resource, methods) of all these calls, in a fixed order."""
    methods: dict[tuple[str, str], set[str]] = defaultdict(set)
    for calls in together:
        for service, called in calls.items():
            for method, resources in called.items():
                for resource in resources:
                    methods[service, resource].add(method)
    return ((*key, methods[key]) for key in sorted(methods))


def _statement(stage: str, service: str, resource: str, methods: set[str]) -> dict[str, Any]:
    """PolicyBuilder's statement for these methods, on one resource only."""
    (statement,) = _builder().build_policy_from_api_calls({service: methods})["Statement"]
    return {
        "Effect": statement["Effect"],
        "Action": sorted(set(statement["Action"])),
        "Resource": [_arn(stage, service, resource)],
    }


@cache
def _builder() -> PolicyBuilder:
    actions = {**load_api_policy_actions(), **_MORE_ACTIONS}
    return PolicyBuilder(api_policy_actions=actions, custom_policy_actions=_PARTS)


def _arn(stage: str, service: str, name: str) -> str:
    return _ARNS[service].format(app=APP_NAME, stage=stage, name=name)


def _merged(statements: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One statement for all resources that allow the same."""
    resources: dict[tuple[str, ...], list[str]] = {}
    for statement in statements:
        resources.setdefault(tuple(statement["Action"]), []).extend(statement["Resource"])
    return [
        {"Effect": "Allow", "Action": list(actions), "Resource": sorted(found)}
        for actions, found in resources.items()
    ]
