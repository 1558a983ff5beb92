"""CloudFormation stacks: plans a change as a change set, then applies it and reports progress."""

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
    "SyncWithActual": "note",  # the template now contains a change that was made by hand
}
#: States in which a stack stays and accepts no change, each with the remedy.
_STUCK: Final = {
    "ROLLBACK_COMPLETE": "its creation failed, and it is empty. Remove the cause, delete the stack "
    "(aws cloudformation delete-stack), and run this again",
    "CREATE_FAILED": "its creation failed. Delete it, and run this again",
    "IMPORT_ROLLBACK_COMPLETE": "it could not import the existing resources. Delete it, and run this again",
    "IMPORT_ROLLBACK_FAILED": "it could not import the existing resources. Delete it, and run this again",
    "ROLLBACK_FAILED": "its creation failed, and so did the rollback. Delete it, and run this again",
    "DELETE_FAILED": "its deletion failed. Delete it again; the next run imports what it retains",
    "UPDATE_ROLLBACK_FAILED": "an update failed, and so did its rollback. Continue the rollback "
    "(aws cloudformation continue-update-rollback), and run this again",
}

Progress = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class ChangeSet:
    """The changes that CloudFormation would make to a stack. It waits to be applied or dropped."""

    name: str
    changes: tuple[Change, ...]
    is_import: bool = False


@dataclass(frozen=True, kw_only=True)
class Stack:
    """One stack with its template and parameters. A parameter that is None keeps its deployed value."""

    clients: Clients
    name: str
    stage: str
    template: Mapping[str, Any]
    parameters: Mapping[str, str | None] = field(default_factory=dict)

    def state(self) -> str | None:
        """Return the stack's status in CloudFormation; None when there is no such stack."""
        try:
            stacks = self._client.describe_stacks(StackName=self.name)["Stacks"]
        except ClientError as error:
            if "does not exist" in str(error):
                return None
            raise
        return str(stacks[0]["StackStatus"])

    def plan(self) -> ChangeSet | None:
        """Return the necessary changes, or None. A deleted stack first imports the resources it retained.

        Raises: BadInput when the stack's state accepts no change, or AWS refuses the template.
        """
        state = self.state()
        if state in _STUCK:
            raise BadInput(f"The stack {self.name} is in state {state}: {_STUCK[state]}.")
        if state is not None and state.endswith("_IN_PROGRESS") and state != "REVIEW_IN_PROGRESS":
            raise BadInput(f"The stack {self.name} is being changed ({state}): wait until that has ended.")
        if state in (None, "REVIEW_IN_PROGRESS"):
            retained = existing_resources(self.clients, self.template, self.stage)
            if retained:
                return self._plan_import(retained)
            return self._create_change_set(self.template, ChangeSetType="CREATE")
        # Manual changes are reverted, and the plan shows them (the emulator does not detect them).
        return self._create_change_set(self.template, ChangeSetType="UPDATE", DeploymentMode="REVERT_DRIFT")

    def apply(self, changes: ChangeSet, progress: Progress = lambda _: None) -> None:
        """Apply a change set and wait until CloudFormation has finished.

        An import changes nothing else: plan again after it.
        Raises: DeploymentError with CloudFormation's reasons when it rolls back.
        """
        before = self._newest_event()
        self._client.execute_change_set(StackName=self.name, ChangeSetName=changes.name)
        self._follow(before, progress)

    def drop(self, changes: ChangeSet) -> None:
        """Delete a change set that was declined."""
        self._client.delete_change_set(StackName=self.name, ChangeSetName=changes.name)

    def delete(self, progress: Progress = lambda _: None) -> None:
        """Delete the stack, except resources that its template retains. Raises: DeploymentError."""
        before = self._newest_event()
        self._client.delete_stack(StackName=self.name)
        self._follow(before, progress)

    # --- Change sets ----------------------------------------------------------------------------

    @property
    def _client(self) -> Any:
        return self.clients("cloudformation")

    def _plan_import(self, resources: Mapping[str, Mapping[str, str]]) -> ChangeSet | None:
        """Return a change set that imports resources by their logical names, and does nothing else."""
        imported = {name: self.template["Resources"][name] for name in resources}
        template = {key: value for key, value in self.template.items() if key != "Outputs"}
        to_import = [
            {
                "ResourceType": imported[name]["Type"],
                "LogicalResourceId": name,
                "ResourceIdentifier": dict(identifier),
            }
            for name, identifier in resources.items()
        ]
        # An imported resource must not refer to resources that are not imported with it.
        imported = {name: without_references(each, set(resources)) for name, each in imported.items()}
        return self._create_change_set(
            {**template, "Resources": imported}, ChangeSetType="IMPORT", ResourcesToImport=to_import
        )

    def _create_change_set(self, template: Mapping[str, Any], **options: Any) -> ChangeSet | None:
        name = f"{APP_NAME}-{secrets.token_hex(4)}"
        is_import = options["ChangeSetType"] == "IMPORT"
        try:
            self._client.create_change_set(
                StackName=self.name,
                ChangeSetName=name,
                TemplateBody=json.dumps(template),
                Parameters=self._parameters(is_new=options["ChangeSetType"] != "UPDATE"),
                **options,
            )
            self._client.get_waiter("change_set_create_complete").wait(
                StackName=self.name, ChangeSetName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 300}
            )
        except WaiterError as error:
            reason = str(error.last_response.get("StatusReason", error))
            self._client.delete_change_set(StackName=self.name, ChangeSetName=name)
            if any(text in reason for text in _NOTHING_TO_DO):
                return None
            raise BadInput(f"CloudFormation refuses the stack {self.name}: {reason}") from error
        pages = self._client.get_paginator("describe_change_set").paginate(
            StackName=self.name, ChangeSetName=name
        )
        changes = tuple(_change(each) for page in pages for each in page["Changes"])
        return ChangeSet(name=name, changes=changes, is_import=is_import)

    def _parameters(self, *, is_new: bool) -> list[dict[str, Any]]:
        set_now = [
            {"ParameterKey": key, "ParameterValue": value}
            for key, value in self.parameters.items()
            if value is not None
        ]
        unchanged = [
            {"ParameterKey": key, "UsePreviousValue": True}
            for key, value in self.parameters.items()
            if value is None and not is_new and key in self._deployed_parameters()
        ]
        return set_now + unchanged

    def _deployed_parameters(self) -> set[str]:
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
        """Report every event after `before` until the stack has settled. Raises: DeploymentError."""
        reported: set[str] = set()
        reasons: list[str] = []
        pause = 0.05
        while True:
            state = self.state()
            for event in self._events_since(before):
                if event["EventId"] not in reported:
                    reported.add(event["EventId"])
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
        """Return the events after `before`, oldest first; none for a deleted stack."""
        try:
            events = self._client.describe_stack_events(StackName=self.name)["StackEvents"]
        except ClientError:
            return []
        new_events: list[dict[str, Any]] = []
        for event in events:
            if event["EventId"] == before:
                break
            new_events.append(event)
        return new_events[::-1]


def without_references(resource: Mapping[str, Any], allowed: set[str]) -> dict[str, Any]:
    """Return the resource without the properties that refer to resources other than `allowed`."""
    properties = {
        key: value for key, value in resource["Properties"].items() if _references(value) <= allowed
    }
    return {**resource, "Properties": properties}


def _references(value: Any) -> set[str]:
    """Return the logical names in a value's Fn::GetAtt (every Ref of the template is to a parameter)."""
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
    """Return the stack of tables, queues, topic and log groups. It outlives the app."""
    return Stack(
        clients=cache(clients),
        name=f"{APP_NAME}-{stage}",
        stage=stage,
        template=load(DATA),
        parameters={"Stage": stage, "AlertEmail": alert_email},
    )


def put_stack(clients: Clients, stage: str) -> None:
    """Create or update the stage's tables, queues, topic and log groups, without confirmation.

    Raises: DeploymentError.
    """
    stack = data_stack(clients, stage)
    while changes := stack.plan():
        stack.apply(changes)
        if not changes.is_import:
            return
