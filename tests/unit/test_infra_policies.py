"""A function's policy allows the calls that it makes, on its own stage, and nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from infra.deployer.app_functions import Function, functions_of, stages
from infra.deployer.event_sources import mapping_options
from infra.errors import BadInput
from infra.iam.policies import POLICIES, file_name, own_rights, policy, recorded_calls, rendered_policies

FILES = sorted(POLICIES.glob("policy*.json"))
FUNCTIONS = {function.key: function for function in functions_of("dev")}
#: IAM's limit for all inline policies of a role together, in characters without white space.
MAXIMUM_CHARACTERS = 10_240


def allowed(stage: str, function: str) -> Iterator[tuple[str, str]]:
    """Yield every (action, resource) that a function's policy allows."""
    for statement in json.loads((POLICIES / file_name(stage, function)).read_text())["Statement"]:
        assert statement["Effect"] == "Allow"
        for action in statement["Action"]:
            for resource in statement["Resource"]:
                yield action, resource


def pairs(stage: str) -> list[Any]:
    return [
        pytest.param(action, resource, id=f"{function}-{action}-{resource.rpartition(':')[2]}")
        for function in FUNCTIONS
        for action, resource in allowed(stage, function)
    ]


def test_the_files_follow_from_the_recorded_calls() -> None:
    files = {file.name: file.read_text() for file in FILES}
    assert files == rendered_policies(), "write them again: make policies"


def test_every_recorded_function_exists() -> None:
    assert set(recorded_calls()) <= set(FUNCTIONS), "record the calls again: make policies"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_role_has_room_for_its_policy(file: Any) -> None:
    assert len(json.dumps(json.loads(file.read_text()), separators=(",", ":"))) <= MAXIMUM_CHARACTERS


@pytest.mark.parametrize("stage", stages())
def test_nothing_reaches_beyond_its_stage(stage: str) -> None:
    """Each resource is named with the stage in full: the wildcards behind it match nothing of another."""
    own = re.compile(rf"task-service-{stage}(-[a-z_-]+)?[:/]?|task-service/{stage}/|\*/{stage}/[A-Z]+/@conn")
    for function in FUNCTIONS:
        for action, resource in allowed(stage, function):
            assert own.search(resource), f"{function} may {action} on {resource}"


@pytest.mark.parametrize(("action", "resource"), pairs("dev"))
def test_an_action_is_one_action_and_a_resource_one_of_ours(action: str, resource: str) -> None:
    assert "*" not in action
    # Owners and their secrets, streams, log streams and connections are created after the deployment.
    assert re.search(r"(secrets/|stream/|@connections/|[a-z_]:)\*$", resource) or resource[-1] != "*"


class TestEventSources:
    """The emulator does not enforce these: Lambda uses the role to read the function's event source."""

    @pytest.mark.parametrize("action", ["ReceiveMessage", "DeleteMessage", "GetQueueAttributes"])
    @pytest.mark.parametrize(("function", "queue"), [("run_tasks", "fast"), ("run_long_tasks", "long")])
    def test_a_worker_may_empty_its_own_queue_only(self, function: str, queue: str, action: str) -> None:
        queues = [resource for each, resource in allowed("prod", function) if each == f"sqs:{action}"]
        assert queues == [f"arn:*:sqs:*:*:task-service-prod-{queue}"]

    @pytest.mark.parametrize("action", ["DescribeStream", "GetRecords", "GetShardIterator", "ListStreams"])
    def test_only_push_updates_may_read_the_stream(self, action: str) -> None:
        stream = "arn:*:dynamodb:*:*:table/task-service-prod-tasks/stream/*"
        may = {key for key in FUNCTIONS if (f"dynamodb:{action}", stream) in allowed("prod", key)}
        assert may == {"push_updates"}

    def test_dropped_records_may_go_to_the_mappings_destination(self) -> None:
        stream = "arn:aws:dynamodb:eu-west-1:123456789012:table/task-service-prod-tasks/stream/1"
        target = mapping_options(stream)["DestinationConfig"]["OnFailure"]["Destination"]
        sends = [
            resource for action, resource in allowed("prod", "push_updates") if action == "sqs:SendMessage"
        ]
        assert [name.rpartition(":")[2] for name in sends] == [target.rpartition(":")[2]]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_logs_go_to_the_functions_own_group_which_exists(function: str) -> None:
    logs = [(action, resource) for action, resource in allowed("prod", function) if "logs:" in resource]
    group = FUNCTIONS[function].name.replace("-dev", "-prod")
    assert logs == [
        (f"logs:{action}", f"arn:*:logs:*:*:log-group:/aws/lambda/{group}:*")
        for action in ("CreateLogStream", "PutLogEvents")
    ]


def test_the_parts_of_a_transaction_are_allowed_one_by_one() -> None:
    made = policy("dev", FUNCTIONS["sweep"], {"dynamodb": {"transact_condition_check": ["tasks"]}})
    assert made["Statement"][0] == {
        "Effect": "Allow",
        "Action": ["dynamodb:ConditionCheckItem"],
        "Resource": ["arn:*:dynamodb:*:*:table/task-service-dev-tasks"],
    }


def test_a_batch_of_messages_has_no_action_of_its_own() -> None:
    calls = {"sqs": {"send_message_batch": ["fast"], "delete_message_batch": ["fast"]}}
    made = policy("dev", FUNCTIONS["sweep"], calls)["Statement"][-1]
    assert made["Action"] == ["sqs:DeleteMessage", "sqs:SendMessage"]


def test_a_teams_own_rights_are_added_for_the_stage() -> None:
    bucket = {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["arn:*:s3:::orders-${Stage}/*"]}
    made = policy("prod", FUNCTIONS["run_tasks"], {}, [bucket])
    assert made["Statement"][-1] == {**bucket, "Resource": ["arn:*:s3:::orders-prod/*"]}


def test_own_rights_at_their_old_path_are_refused(tmp_path: Path) -> None:
    old, new = tmp_path / "own_rights.json", tmp_path / "iam" / "own_rights.json"
    assert own_rights(new, old) == {}
    old.write_text("{}")
    with pytest.raises(BadInput, match=f"Move it to {re.escape(str(new))}"):
        own_rights(new, old)


def test_a_traced_function_may_send_its_traces() -> None:
    traced = Function(model=replace(FUNCTIONS["sweep"].model, xray=True))
    assert "xray:PutTraceSegments" in policy("dev", traced, {})["Statement"][-1]["Action"]
