"""A stack is changed only in a state that accepts changes, and a failure reports its reasons."""

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
def respond(cloudformation: tuple[Any, Stubber]) -> Callable[..., None]:
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
def test_a_failed_stack_is_refused_with_the_remedy(stack, respond, state) -> None:
    respond("describe_stacks", described(state))
    with pytest.raises(BadInput) as refusal:
        stack.plan()
    assert f"The stack {NAME} is in state {state}: " in refusal.value.message
    assert "\n" not in refusal.value.message


def test_a_stack_that_is_being_changed_is_refused(stack, respond) -> None:
    respond("describe_stacks", described("UPDATE_ROLLBACK_IN_PROGRESS"))
    with pytest.raises(BadInput, match="is being changed"):
        stack.plan()


def test_manual_changes_are_reverted(stack, respond) -> None:
    respond("describe_stacks", described("UPDATE_COMPLETE"))
    request = {
        "StackName": NAME,
        "ChangeSetName": ANY,
        "ChangeSetType": "UPDATE",
        "DeploymentMode": "REVERT_DRIFT",
        "TemplateBody": ANY,
        "Parameters": [],
    }
    respond("create_change_set", {}, request)
    respond("describe_change_set", {"Status": "CREATE_COMPLETE"})
    change = {"Action": "Modify", "LogicalResourceId": "FastQueue", "ResourceType": "AWS::SQS::Queue"}
    details = [{"Target": {"Attribute": "Properties", "Name": "VisibilityTimeout"}}]
    respond("describe_change_set", {"Changes": [{"ResourceChange": {**change, "Details": details}}]})
    plan = stack.plan()
    assert plan is not None
    assert [str(each) for each in plan.changes] == ["update SQS::Queue FastQueue VisibilityTimeout"]


def test_a_replacement_is_marked_in_the_plan(stack, respond) -> None:
    respond("describe_stacks", described("UPDATE_COMPLETE"))
    respond("create_change_set", {})
    respond("describe_change_set", {"Status": "CREATE_COMPLETE"})
    change = {"Action": "Modify", "LogicalResourceId": "T", "ResourceType": "AWS::DynamoDB::Table"}
    respond("describe_change_set", {"Changes": [{"ResourceChange": {**change, "Replacement": "True"}}]})
    assert "replaced!" in str(stack.plan().changes[0])


def test_a_refused_change_set_is_reported_and_deleted(stack, respond) -> None:
    respond("describe_stacks", described("UPDATE_COMPLETE"))
    respond("create_change_set", {})
    respond("describe_change_set", {"Status": "FAILED", "StatusReason": "Q belongs to stack other"})
    respond("delete_change_set", {}, {"StackName": NAME, "ChangeSetName": ANY})
    with pytest.raises(BadInput, match="refuses the stack task-service-dev: Q belongs to stack other"):
        stack.plan()


def test_a_failed_change_reports_the_reasons_and_each_step_once(stack, respond) -> None:
    progress: list[str] = []
    old = event(1, NAME, "CREATE_COMPLETE")
    respond("describe_stack_events", {"StackEvents": [old]})
    respond("execute_change_set", {})
    respond("describe_stacks", described("UPDATE_IN_PROGRESS"))
    first = event(2, "FastQueue", "UPDATE_FAILED", "AccessDenied")
    respond("describe_stack_events", {"StackEvents": [first, old]})
    respond("describe_stacks", described("UPDATE_ROLLBACK_COMPLETE"))
    last = event(3, NAME, "UPDATE_ROLLBACK_COMPLETE")
    respond("describe_stack_events", {"StackEvents": [last, first, old]})
    with pytest.raises(DeploymentError) as failure:
        stack.apply(ChangeSet(name="c", changes=()), progress.append)
    assert failure.value.message.splitlines() == [
        f"The stack {NAME} ended as UPDATE_ROLLBACK_COMPLETE.",
        "FastQueue: AccessDenied",
    ]
    assert progress == ["FastQueue UPDATE_FAILED", f"{NAME} UPDATE_ROLLBACK_COMPLETE"]
    assert failure.value.exit_code == 1
