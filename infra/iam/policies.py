"""One IAM policy for each function of each stage, generated from the calls that the function makes.

calls.json contains the calls, as the functional tests made them (`make policies` records them again).
Chalice's PolicyBuilder maps each call to an IAM action and allows it on `*`; this module names the resource.
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
from infra.errors import BadInput

CALLS_FILE: Final = Path(__file__).with_name("calls.json")
#: Statements for the calls of your own task types, written by hand: {function: [statement, ...]}. Optional.
OWN_RIGHTS_FILE: Final = Path(__file__).with_name("own_rights.json")
#: Its path up to version 0.1.0.
OLD_OWN_RIGHTS_FILE: Final = PROJECT / "infra" / "own_rights.json"
POLICIES: Final = PROJECT / ".chalice"

#: The queue for stream records that push_updates could not process, as in `event_sources.mapping_options`.
STREAM_FAILURES: Final = "stream-failures"

#: The calls of one function: service → method of its client → short names of the resources.
Calls = Mapping[str, Mapping[str, Iterable[str]]]

#: ARNs by service. Wildcards are safe: a role reaches its own account only, and the app its own region.
_ARNS: Final = {
    "dynamodb": "arn:*:dynamodb:*:*:table/{app}-{stage}-{name}",
    "sqs": "arn:*:sqs:*:*:{app}-{stage}-{name}",
    "sns": "arn:*:sns:*:*:{app}-{stage}-{name}",
    "ssm": "arn:*:ssm:*:*:parameter/{app}/{stage}/{name}",
    "logs": "arn:*:logs:*:*:log-group:/aws/lambda/{name}:*",
    # The id of the WebSocket API is unknown before the first deployment.
    "apigatewaymanagementapi": "arn:*:execute-api:*:*:*/{stage}/{name}/@connections/*",
}

#: Actions that Chalice's table lacks.
_MORE_ACTIONS: Final = {
    "apigatewaymanagementapi": {
        "PostToConnection": "execute-api:ManageConnections",
        "DeleteConnection": "execute-api:ManageConnections",
    }
}
#: IAM authorises each part of a transaction, and each statement of a batch, not the whole.
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
    """Return the recorded calls of each function, by its key."""
    calls: dict[str, Calls] = json.loads(CALLS_FILE.read_text())
    return calls


def file_name(stage: str, function: str) -> str:
    """Return the name of the policy file of a stage's function, as in config.json."""
    return f"policy-{stage}-{function}.json"


def own_rights(
    file: Path = OWN_RIGHTS_FILE, old_file: Path = OLD_OWN_RIGHTS_FILE
) -> dict[str, list[dict[str, Any]]]:
    """Return the hand-written statements by function; none when the file does not exist.

    Raises: BadInput when a file is still where version 0.1.0 read it: a stage would lose its rights.
    """
    if old_file.exists():
        raise BadInput(f"{old_file} is no longer read. Move it to {file}.")
    statements: dict[str, list[dict[str, Any]]] = json.loads(file.read_text()) if file.exists() else {}
    return statements


def policy(
    stage: str, function: Function, calls: Calls, own: Iterable[dict[str, Any]] = ()
) -> dict[str, Any]:
    """Return the policy of a function: its calls, and those that Lambda makes for it around a run.

    `own` statements are appended, with `${Stage}` in a resource replaced by the stage.
    """
    statements = [
        _statement(stage, service, resource, methods)
        for service, resource, methods in _by_resource(calls, _around_a_run(function))
    ]
    statements += _event_source(stage, function)
    if function.model.xray:
        statements.append(dict(XRAY_POLICY))  # X-Ray supports no resource but `*`
    own_statements = [json.loads(json.dumps(each).replace("${Stage}", stage)) for each in own]
    return {"Version": PolicyBuilder.VERSION, "Statement": [*_merged(statements), *own_statements]}


def rendered_policies() -> dict[str, str]:
    """Return the text of every policy file of every stage, by file name."""
    calls, own = recorded_calls(), own_rights()
    policies = {
        file_name(stage, each.key): policy(stage, each, calls.get(each.key, {}), own.get(each.key, []))
        for stage in stages()
        for each in functions_of(stage)
    }
    return {name: json.dumps(policies[name], indent=2) + "\n" for name in policies}


def write_policies() -> None:
    """Write all policy files in .chalice from the recorded calls, and delete stale ones."""
    files = {POLICIES / name: text for name, text in rendered_policies().items()}
    for stale in set(POLICIES.glob("policy*.json")) - set(files):
        stale.unlink()
    for file, text in files.items():
        file.write_text(text)


def _around_a_run(function: Function) -> Calls:
    """Return Lambda's own calls: logs to the function's log group, dropped stream records to their queue."""
    calls: dict[str, dict[str, list[str]]] = {
        "logs": {"create_log_stream": [function.name], "put_log_events": [function.name]}
    }
    if function.reads_stream:
        calls["sqs"] = {"send_message": [STREAM_FAILURES]}
    return calls


def _event_source(stage: str, function: Function) -> list[dict[str, Any]]:
    """Return Chalice's statement with which Lambda reads the function's queue or stream."""
    if function.queue is not None:
        return [{**SQS_EVENT_SOURCE_POLICY, "Resource": [_arn(stage, "sqs", function.queue)]}]
    if function.reads_stream:
        return [{**DDB_EVENT_SOURCE_POLICY, "Resource": [_arn(stage, "dynamodb", "tasks/stream/*")]}]
    return []


def _by_resource(*groups: Calls) -> Iterable[tuple[str, str, set[str]]]:
    """Return (service, resource, methods) of all calls, in a fixed order."""
    methods: dict[tuple[str, str], set[str]] = defaultdict(set)
    for calls in groups:
        for service, called in calls.items():
            for method, resources in called.items():
                for resource in resources:
                    methods[service, resource].add(method)
    return ((*key, methods[key]) for key in sorted(methods))


def _statement(stage: str, service: str, resource: str, methods: set[str]) -> dict[str, Any]:
    """Return PolicyBuilder's statement for these methods, limited to one resource."""
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
    """Merge statements with the same actions into one."""
    resources: dict[tuple[str, ...], list[str]] = {}
    for statement in statements:
        resources.setdefault(tuple(statement["Action"]), []).extend(statement["Resource"])
    return [
        {"Effect": "Allow", "Action": list(actions), "Resource": sorted(arns)}
        for actions, arns in resources.items()
    ]
