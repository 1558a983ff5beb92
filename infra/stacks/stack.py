"""Stacks of CloudFormation: what a change would do, and the change done with its progress told."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

from botocore.exceptions import ClientError, WaiterError

from infra import APP_NAME, Clients
from infra.errors import BadInput, DeploymentError
from infra.plan import Change
from infra.stacks.existing import existing_resources
from infra.stacks.templates import DATA, load

_NOTHING_TO_DO: Final = ("didn't contain changes", "No updates are to be performed")
_VERBS: Final = {
    "Add": "create",
    "Modify": "update",
    "Remove": "delete",
    "Import": "adopt",
    "Dynamic": "update",
    "SyncWithActual": "note",  # the template now says what somebody had done by hand
}
#: States that AWS does not leave by itself and that no change starts from, and the way out of each.
_STUCK: Final = {
    "ROLLBACK_COMPLETE": "its creation failed, and it holds nothing. Delete it "
    "(aws cloudformation delete-stack), see that the cause is gone, and run this again",
    "CREATE_FAILED": "its creation failed. Delete it, and run this again",
    "IMPORT_ROLLBACK_COMPLETE": "it could not take in what is there. Delete it, and run this again",
    "IMPORT_ROLLBACK_FAILED": "it could not take in what is there. Delete it, and run this again",
    "ROLLBACK_FAILED": "its creation failed, and so did the way back. Delete it, and run this again",
    "DELETE_FAILED": "its deletion failed. Delete it again; what it retains is taken in by the next run",
    "UPDATE_ROLLBACK_FAILED": "an update failed, and so did the way back. Continue that "
    "(aws cloudformation continue-update-rollback), and run this again",
}

Progress = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class ChangeSet:
    """What CloudFormation would do to a stack. It waits until it is carried out or dropped."""

    name: str
    changes: tuple[Change, ...]
    is_import: bool = False


@dataclass(frozen=True, kw_only=True)
class Stack:
    """One stack: its template and its parameters. A parameter that is None keeps the value that it has."""

    clients: Clients
    name: str
    stage: str
    template: Mapping[str, Any]
    parameters: Mapping[str, str | None] = field(default_factory=dict)

    def state(self) -> str | None:
        """Its status in CloudFormation's words; None when there is no such stack."""
        try:
            stacks = self._client.describe_stacks(StackName=self.name)["Stacks"]
        except ClientError as error:
            if "does not exist" in str(error):
                return None
            raise
        return str(stacks[0]["StackStatus"])

    def plan(self) -> ChangeSet | None:
        """What would have to change, or None. A stack that is gone first takes in what it left behind.

        Raises: BadInput when the stack is in a state that nothing starts from, or AWS refuses the template.
        """
        state = self.state()
        if state in _STUCK:
            raise BadInput(f"The stack {self.name} is in state {state}: {_STUCK[state]}.")
        if state is not None and state.endswith("_IN_PROGRESS") and state != "REVIEW_IN_PROGRESS":
            raise BadInput(
                f"The stack {self.name} is being changed right now ({state}): wait for that to end."
            )
        if state in (None, "REVIEW_IN_PROGRESS"):
            left_behind = existing_resources(self.clients, self.template, self.stage)
            if left_behind:
                return self._plan_import(left_behind)
            return self._create_change_set(self.template, ChangeSetType="CREATE")
        # What was changed by hand is changed back, and shown before (the emulator does not look for it).
        return self._create_change_set(self.template, ChangeSetType="UPDATE", DeploymentMode="REVERT_DRIFT")

    def apply(self, changes: ChangeSet, progress: Progress = lambda _: None) -> None:
        """Carry a change set out. Done when AWS is done.

        After an import there may be more to change: plan again.
        Raises: DeploymentError with CloudFormation's reasons when it rolls back.
        """
        before = self._newest_event()
        self._client.execute_change_set(StackName=self.name, ChangeSetName=changes.name)
        self._follow(before, progress)

    def drop(self, changes: ChangeSet) -> None:
        """Forget a change set that is not wanted."""
        self._client.delete_change_set(StackName=self.name, ChangeSetName=changes.name)

    def delete(self, progress: Progress = lambda _: None) -> None:
        """Remove the stack, but for what its template retains. Raises: DeploymentError."""
        before = self._newest_event()
        self._client.delete_stack(StackName=self.name)
        self._follow(before, progress)

    # --- Change sets ----------------------------------------------------------------------------

    @property
    def _client(self) -> Any:
        return self.clients("cloudformation")

    def _plan_import(self, resources: Mapping[str, Mapping[str, str]]) -> ChangeSet | None:
        """A change set that takes in resources by their logical names. It may do nothing else."""
        kept = {name: self.template["Resources"][name] for name in resources}
        template = {key: value for key, value in self.template.items() if key != "Outputs"}
        order = [
            {
                "ResourceType": kept[name]["Type"],
                "LogicalResourceId": name,
                "ResourceIdentifier": dict(identifier),
            }
            for name, identifier in resources.items()
        ]
        # It must not refer to what is not imported with it.
        kept = {name: without_references(each, set(resources)) for name, each in kept.items()}
        return self._create_change_set(
            {**template, "Resources": kept}, ChangeSetType="IMPORT", ResourcesToImport=order
        )

    def _create_change_set(self, template: Mapping[str, Any], **how: Any) -> ChangeSet | None:
        name = f"{APP_NAME}-{secrets.token_hex(4)}"
        is_import = how["ChangeSetType"] == "IMPORT"
        try:
            self._client.create_change_set(
                StackName=self.name,
                ChangeSetName=name,
                TemplateBody=json.dumps(template),
                Parameters=self._parameters(is_new=how["ChangeSetType"] != "UPDATE"),
                **how,
            )
            self._client.get_waiter("change_set_create_complete").wait(
                StackName=self.name, ChangeSetName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 300}
            )
        except WaiterError as error:
            reason = str(error.last_response.get("StatusReason", error))
            self._client.delete_change_set(StackName=self.name, ChangeSetName=name)
            if any(words in reason for words in _NOTHING_TO_DO):
                return None
            raise BadInput(f"CloudFormation refuses the stack {self.name}: {reason}") from error
        changes = [page["Changes"] for page in self._pages(name)]
        return ChangeSet(
            name=name, changes=tuple(_change(each) for page in changes for each in page), is_import=is_import
        )

    def _pages(self, change_set: str) -> Any:
        paginator = self._client.get_paginator("describe_change_set")
        return paginator.paginate(StackName=self.name, ChangeSetName=change_set)

    def _parameters(self, *, is_new: bool) -> list[dict[str, Any]]:
        given = [
            {"ParameterKey": key, "ParameterValue": value}
            for key, value in self.parameters.items()
            if value is not None
        ]
        kept = [
            {"ParameterKey": key, "UsePreviousValue": True}
            for key, value in self.parameters.items()
            if value is None and not is_new and key in self._known_parameters()
        ]
        return given + kept

    def _known_parameters(self) -> set[str]:
        (stack,) = self._client.describe_stacks(StackName=self.name)["Stacks"]
        return {each["ParameterKey"] for each in stack.get("Parameters", [])}

    # --- Progress -------------------------------------------------------------------------------

    def _newest_event(self) -> str | None:
        try:
            events = self._client.describe_stack_events(StackName=self.name)["StackEvents"]
        except ClientError:  # no such stack yet
            return None
        return str(events[0]["EventId"]) if events else None

    def _follow(self, before: str | None, progress: Progress) -> None:
        """Tell every event after `before` until the stack rests. Raises: DeploymentError."""
        told: set[str] = set()
        reasons: list[str] = []
        pause = 0.05
        while True:
            state = self.state()
            for event in self._events_since(before):
                if event["EventId"] not in told:
                    told.add(event["EventId"])
                    if not event["ResourceStatus"].endswith("_IN_PROGRESS"):
                        progress(f"{event['LogicalResourceId']} {event['ResourceStatus']}")
                    if event["ResourceStatus"].endswith("FAILED"):
                        reason = event.get("ResourceStatusReason", "no reason given")
                        reasons.append(f"{event['LogicalResourceId']}: {reason}")
            if state is None or not state.endswith("IN_PROGRESS"):
                break
            time.sleep(pause)
            pause = min(2.0, pause * 1.5)
        if reasons or (state is not None and ("ROLLBACK" in state or "FAILED" in state)):
            raise DeploymentError("\n".join([f"The stack {self.name} ended as {state}.", *reasons]))

    def _events_since(self, before: str | None) -> list[dict[str, Any]]:
        """Oldest first; none for a stack that is gone."""
        try:
            events = self._client.describe_stack_events(StackName=self.name)["StackEvents"]
        except ClientError:
            return []
        fresh: list[dict[str, Any]] = []
        for event in events:
            if event["EventId"] == before:
                break
            fresh.append(event)
        return fresh[::-1]


def without_references(resource: Mapping[str, Any], known: set[str]) -> dict[str, Any]:
    """The resource without those properties that refer to resources beyond `known`."""
    properties = {key: value for key, value in resource["Properties"].items() if _references(value) <= known}
    return {**resource, "Properties": properties}


def _references(value: Any) -> set[str]:
    """The logical names that a value gets an attribute of (the template's refs are to parameters)."""
    if isinstance(value, Mapping):
        if "Fn::GetAtt" in value:
            return {value["Fn::GetAtt"][0]}
        return set().union(*(_references(each) for each in value.values()))
    if isinstance(value, list):
        return set().union(*(_references(each) for each in value))
    return set()


def _change(entry: Mapping[str, Any]) -> Change:
    change = entry["ResourceChange"]
    replaced = ("replaced!",) if change.get("Replacement") == "True" else ()
    details = {
        each["Target"].get("Name") or each["Target"]["Attribute"]
        for each in change.get("Details", [])
        if "Target" in each
    }
    return Change(
        verb=_VERBS[change["Action"]],
        kind=change["ResourceType"].removeprefix("AWS::"),
        name=change["LogicalResourceId"],
        details=replaced + tuple(sorted(details)),
    )


def data_stack(clients: Clients, stage: str, alert_email: str | None = None) -> Stack:
    """The stack of tables, queues, topic and logs. It outlives the app."""
    return Stack(
        clients=cache(clients),
        name=f"{APP_NAME}-{stage}",
        stage=stage,
        template=load(DATA),
        parameters={"Stage": stage, "AlertEmail": alert_email},
    )


def put_stack(clients: Clients, stage: str) -> None:
    """Create the stage's tables, queues, topic and logs, or bring them up to date, without asking.

    Raises: DeploymentError.
    """
    stack = data_stack(clients, stage)
    while changes := stack.plan():
        stack.apply(changes)
        if not changes.is_import:
            return
