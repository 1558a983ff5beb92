"""What `python -m infra` does, step by step: look, show the plan, ask, do."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from chalice.utils import UI

from infra import APP_NAME
from infra.deployer.deployment import deploy_app, deploy_function
from infra.deployer.deployment_lock import take
from infra.deployer.preconditions import require_stack
from infra.deployer.removal import Removal
from infra.deployer.versions import go_back, history, way_back
from infra.doctor.all_checks import CHECKS, ON_PAPER
from infra.doctor.check import Check, Finding, examine
from infra.doctor.deployed_stage import Patient
from infra.doctor.template_stage import Blueprint
from infra.errors import BadInput
from infra.names import FUNCTIONS, function_name
from infra.plan import Change
from infra.stacks.emulator_gaps import complete_tables
from infra.stacks.monitoring import monitoring_stack
from infra.stacks.ssm_parameters import put_signing_keys
from infra.stacks.stack import Stack, data_stack
from infra.target import Target
from infra.terminal import Terminal

PRODUCTION: Final = "prod"


class PlanFirst(UI):
    """Chalice's words, and the plan before the first of them that matters."""

    def __init__(self, terminal: Terminal, title: str) -> None:
        super().__init__()
        self._terminal = terminal
        self._title = title
        self.changed = False

    def write(self, msg: str) -> None:
        self._terminal.progress(msg.strip())

    def approve(self, changes: list[Change]) -> None:
        """Raises: Declined."""
        self.changed = bool(changes)
        if changes:
            self._terminal.plan(self._title, changes)


def _report(stage: str, findings: Sequence[Finding]) -> str:
    """For machines."""
    checks = [
        {
            "check": each.check.title,
            "healthy": each.is_healthy,
            "problems": list(each.problems),
            **({} if each.is_healthy else {"advice": each.check.advice.format(stage=stage)}),
        }
        for each in findings
    ]
    healthy = all(each.is_healthy for each in findings)
    return json.dumps({"stage": stage, "healthy": healthy, "checks": checks}, indent=2)


def look_over(blueprint: Blueprint, terminal: Terminal, *, as_json: bool) -> bool:
    """The doctor for what is not deployed yet; True when all is well."""
    return _tell(blueprint, ON_PAPER, terminal, as_json=as_json)


def _tell(patient: Patient, checks: Sequence[Check], terminal: Terminal, *, as_json: bool) -> bool:
    findings = list(examine(patient, checks))
    if as_json:
        terminal.say(_report(patient.stage, findings))
    else:
        terminal.findings(patient.place, patient.stage, findings)
    return all(each.is_healthy for each in findings)


@dataclass(frozen=True, kw_only=True)
class Commands:
    """The commands for one stage. Each can be repeated: what is done already is left alone."""

    target: Target
    terminal: Terminal

    def up(self, alert_email: str | None = None) -> None:
        """Create what the stage keeps and what watches it, or bring it up to date."""
        target = self.target
        stacks = [
            data_stack(target.clients, target.stage, alert_email),
            monitoring_stack(target.clients, target.stage, emulated=target.emulated),
        ]
        changed = [self._put(stack) for stack in stacks]
        if target.emulated:
            complete_tables(target.clients, target.stage)
        put_signing_keys(target.clients, target.stage)
        self.terminal.say(f"{'Up' if any(changed) else 'Nothing changed'}: {target.place}")

    def deploy(self, function: str | None = None) -> None:
        """Make this checkout's app live: all of it, or the code of one function."""
        target = self.target
        if function is not None:
            self._deploy_function(function)
            return
        ui = PlanFirst(self.terminal, f"Deploy to {target.place}")
        with self.terminal.working("Building and comparing ..."):
            apis = deploy_app(target.project, target.stage, environment={}, ui=ui)
        self.terminal.say(f"{'Deployed' if ui.changed else 'Nothing changed'}: {target.place}")
        self.terminal.say(f"HTTP       {target.api_address(apis.rest_api_id)}")
        self.terminal.say(f"WebSocket  {target.api_address(apis.websocket_api_id, 'wss')}")

    def rollback(self) -> None:
        """Return to the code that was live before the last deployment."""
        target = self.target
        functions = target.clients("lambda")
        take(target.clients("dynamodb"), target.stage, target.project)
        histories = [history(functions, name) for name in self._deployed_functions()]
        returns = way_back(histories)
        self.terminal.plan(f"Roll back {target.place}", [each.change for each in returns])
        with self.terminal.working("Returning ..."):
            go_back(functions, returns, target.project / ".chalice" / "deployments")
        self.terminal.say(f"Rolled back: {target.place}")

    def down(self) -> None:
        """Remove the app and what watches it. Tables, queues, topic, logs and secrets stay."""
        target = self.target
        if target.stage == PRODUCTION and not self.terminal.yes:
            raise BadInput(f"This would remove the app from {target.place}: say --yes if you mean it.")
        take(target.clients("dynamodb"), target.stage, target.project)
        removal = Removal(target.stage, PlanFirst(self.terminal, ""))
        monitoring = monitoring_stack(target.clients, target.stage, emulated=target.emulated)
        changes = list(removal.changes)
        has_monitoring = monitoring.state() is not None
        if has_monitoring:
            changes.append(Change(verb="delete", kind="stack", name=monitoring.name))
        if not changes:
            self.terminal.say(f"Nothing to remove: {target.place}")
            return
        self.terminal.plan(f"Remove from {target.place}", changes)
        with self.terminal.working("Removing ..."):
            if has_monitoring:  # first, so that nobody is woken by the silence
                monitoring.delete(self.terminal.progress)
            removal.carry_out()
        self.terminal.say(
            f"Removed: {target.place}. Its data stays, and `make up STAGE={target.stage}` works."
        )

    def doctor(self, *, as_json: bool) -> bool:
        """Look the stage over; True when all is well. Raises: BadInput when there is no such stage."""
        require_stack(self.target.clients, self.target.stage)
        return _tell(Patient(self.target), CHECKS, self.terminal, as_json=as_json)

    # --- Steps ----------------------------------------------------------------------------------

    def _put(self, stack: Stack) -> bool:
        changed = False
        while True:
            with self.terminal.working(f"Comparing the stack {stack.name} ..."):
                changes = stack.plan()
            if changes is None:
                return changed
            try:
                self.terminal.plan(f"Stack {stack.name}, {self.target.place}", changes.changes)
            except BaseException:
                stack.drop(changes)
                raise
            with self.terminal.working(f"Changing the stack {stack.name} ..."):
                stack.apply(changes, self.terminal.progress)
            changed = True
            if not changes.is_import:
                return changed

    def _deploy_function(self, name: str) -> None:
        self.terminal.confirm(f"Deploy {name} to {self.target.place}?")
        with self.terminal.working(f"Deploying {name} ..."):
            ui = PlanFirst(self.terminal, "")
            changed = deploy_function(self.target.project, self.target.stage, name, ui)
        self.terminal.say(f"{'Deployed' if changed else 'Nothing changed'}: {name}, {self.target.place}")

    def _deployed_functions(self) -> list[str]:
        pages = self.target.clients("lambda").get_paginator("list_functions").paginate()
        there: set[Any] = {each["FunctionName"] for page in pages for each in page["Functions"]}
        names = [function_name(self.target.stage, each) for each in FUNCTIONS]
        if not there & set(names):
            raise BadInput(f"{APP_NAME} is not deployed to {self.target.place}.")
        return [name for name in names if name in there]
