"""A stack is changed only from a state that a change can start from, and a failure tells its reasons."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber

from infra.errors import BadInput, DeploymentError
from infra.stacks.stack import _STUCK, ChangeSet, Stack

NAME = "task-service-dev"


@pytest.fixture
def cloudformation() -> Iterator[tuple[Any, Stubber]]:
    client = boto3.client(
        "cloudformation", "us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
    )
    with Stubber(client) as stubber:
        yield client, stubber
        stubber.assert_no_pending_responses()


@pytest.fixture
def stack(cloudformation: tuple[Any, Stubber]) -> Stack:
    client, _ = cloudformation
    return Stack(clients=lambda _: client, name=NAME, stage="dev", template={"Resources": {}}, parameters={})


@pytest.fixture
def answer(cloudformation: tuple[Any, Stubber]) -> Callable[..., None]:
    _, stubber = cloudformation
    return stubber.add_response


def described(state: str) -> dict[str, Any]:
    return {"Stacks": [{"StackName": NAME, "StackStatus": state, "CreationTime": 0}]}


def event(number: int, resource: str, state: str, reason: str = "") -> dict[str, Any]:
    return {
        "StackId": NAME,
        "StackName": NAME,
        "Timestamp": 0,
        "EventId": str(number),
        "LogicalResourceId": resource,
        "ResourceStatus": state,
        "ResourceStatusReason": reason,
    }


@pytest.mark.parametrize("state", _STUCK)
def test_a_failed_stack_says_the_way_out(stack, answer, state) -> None:
    answer("describe_stacks", described(state))
    with pytest.raises(BadInput) as refusal:
        stack.plan()
    assert f"The stack {NAME} is in state {state}: " in refusal.value.message
    assert "\n" not in refusal.value.message


def test_a_stack_in_change_is_left_alone(stack, answer) -> None:
    answer("describe_stacks", described("UPDATE_ROLLBACK_IN_PROGRESS"))
    with pytest.raises(BadInput, match="right now"):
        stack.plan()


def test_what_was_changed_by_hand_is_changed_back(stack, answer) -> None:
    answer("describe_stacks", described("UPDATE_COMPLETE"))
    wanted = {
        "StackName": NAME,
        "ChangeSetName": ANY,
        "ChangeSetType": "UPDATE",
        "DeploymentMode": "REVERT_DRIFT",
        "TemplateBody": ANY,
        "Parameters": [],
    }
    answer("create_change_set", {}, wanted)
    answer("describe_change_set", {"Status": "CREATE_COMPLETE"})
    change = {"Action": "Modify", "LogicalResourceId": "FastQueue", "ResourceType": "AWS::SQS::Queue"}
    details = [{"Target": {"Attribute": "Properties", "Name": "VisibilityTimeout"}}]
    answer("describe_change_set", {"Changes": [{"ResourceChange": {**change, "Details": details}}]})
    plan = stack.plan()
    assert plan is not None
    assert [str(each) for each in plan.changes] == ["update SQS::Queue FastQueue VisibilityTimeout"]


def test_a_replacement_is_not_overlooked(stack, answer) -> None:
    answer("describe_stacks", described("UPDATE_COMPLETE"))
    answer("create_change_set", {})
    answer("describe_change_set", {"Status": "CREATE_COMPLETE"})
    change = {"Action": "Modify", "LogicalResourceId": "T", "ResourceType": "AWS::DynamoDB::Table"}
    answer("describe_change_set", {"Changes": [{"ResourceChange": {**change, "Replacement": "True"}}]})
    assert "replaced!" in str(stack.plan().changes[0])


def test_what_cloudformation_refuses_is_told_and_leaves_nothing(stack, answer) -> None:
    answer("describe_stacks", described("UPDATE_COMPLETE"))
    answer("create_change_set", {})
    answer("describe_change_set", {"Status": "FAILED", "StatusReason": "Q belongs to stack other"})
    answer("delete_change_set", {}, {"StackName": NAME, "ChangeSetName": ANY})
    with pytest.raises(BadInput, match="refuses the stack task-service-dev: Q belongs to stack other"):
        stack.plan()


def test_a_change_that_fails_tells_why_and_each_step_once(stack, answer) -> None:
    told: list[str] = []
    old = event(1, NAME, "CREATE_COMPLETE")
    answer("describe_stack_events", {"StackEvents": [old]})
    answer("execute_change_set", {})
    answer("describe_stacks", described("UPDATE_IN_PROGRESS"))
    first = event(2, "FastQueue", "UPDATE_FAILED", "AccessDenied")
    answer("describe_stack_events", {"StackEvents": [first, old]})
    answer("describe_stacks", described("UPDATE_ROLLBACK_COMPLETE"))
    last = event(3, NAME, "UPDATE_ROLLBACK_COMPLETE")
    answer("describe_stack_events", {"StackEvents": [last, first, old]})
    with pytest.raises(DeploymentError) as failure:
        stack.apply(ChangeSet(name="c", changes=()), told.append)
    assert failure.value.message.splitlines() == [
        f"The stack {NAME} ended as UPDATE_ROLLBACK_COMPLETE.",
        "FastQueue: AccessDenied",
    ]
    assert told == ["FastQueue UPDATE_FAILED", f"{NAME} UPDATE_ROLLBACK_COMPLETE"]
    assert failure.value.exit_code == 1
