"""The commands of `python -m infra`. Each reads the current state, shows a plan, asks, and applies it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from infra import APP_NAME
from infra.deployer.deployment import deploy_app, deploy_function
from infra.deployer.deployment_lock import lock_stage
from infra.deployer.preconditions import require_stack
from infra.deployer.removal import Removal
from infra.deployer.ui import PlanFirstUI
from infra.deployer.versions import plan_rollback, read_history, roll_back
from infra.doctor.all_checks import CHECKS, TEMPLATE_CHECKS
from infra.doctor.check import Check, run_checks
from infra.doctor.deployed_stage import DeployedStage
from infra.doctor.report import json_report, summary, table_report
from infra.doctor.template_stage import TemplateStage
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


def check_template(project: Path, stage: str, template: Path, terminal: Terminal, *, as_json: bool) -> bool:
    """Run the doctor on a template, without AWS; return True when all checks are green.

    Raises: BadInput for a missing stage, or a file that is not a template.
    """
    return _run_doctor(TemplateStage(project, stage, template), TEMPLATE_CHECKS, terminal, as_json=as_json)


def _run_doctor(stage: DeployedStage, checks: Sequence[Check], terminal: Terminal, *, as_json: bool) -> bool:
    findings = list(run_checks(stage, checks))
    if as_json:
        terminal.line(json_report(stage.stage, findings))
    else:
        terminal.show(table_report(stage.title, stage.stage, findings))
        terminal.line(summary(findings))
    return all(each.is_healthy for each in findings)


@dataclass(frozen=True, kw_only=True)
class Commands:
    """The commands for one stage. Each can be repeated: it skips what is done already."""

    target: Target
    terminal: Terminal

    def up(self, alert_email: str | None = None) -> None:
        """Create or update the stacks of data and monitoring."""
        target = self.target
        stacks = [
            data_stack(target.clients, target.stage, alert_email),
            monitoring_stack(target.clients, target.stage, emulated=target.emulated),
        ]
        changed = [self._put(stack) for stack in stacks]
        if target.emulated:
            complete_tables(target.clients, target.stage)
        put_signing_keys(target.clients, target.stage)
        self.terminal.line(f"{'Up' if any(changed) else 'Nothing changed'}: {target.title}")

    def deploy(self, function: str | None = None) -> None:
        """Deploy this checkout's app, or the code of one function only."""
        target = self.target
        if function is not None:
            self._deploy_function(function)
            return
        ui = PlanFirstUI(self.terminal, f"Deploy to {target.title}")
        with self.terminal.working("Building and comparing ..."):
            apis = deploy_app(target.project, target.stage, environment={}, ui=ui)
        self.terminal.line(f"{'Deployed' if ui.changed else 'Nothing changed'}: {target.title}")
        self.terminal.line(f"HTTP       {target.api_address(apis.rest_api_id)}")
        self.terminal.line(f"WebSocket  {target.api_address(apis.websocket_api_id, 'wss')}")

    def rollback(self) -> None:
        """Return to the code that was live before the last deployment."""
        target = self.target
        lambda_client = target.clients("lambda")
        lock_stage(target.clients("dynamodb"), target.stage, target.project)
        histories = [read_history(lambda_client, name) for name in self._deployed_functions()]
        rollbacks = plan_rollback(histories)
        self.terminal.confirm_plan(f"Roll back {target.title}", [each.change for each in rollbacks])
        with self.terminal.working("Rolling back ..."):
            roll_back(lambda_client, rollbacks, target.project / ".chalice" / "deployments")
        self.terminal.line(f"Rolled back: {target.title}")

    def down(self) -> None:
        """Remove the app and its monitoring. Tables, queues, topic, logs and secrets stay."""
        target = self.target
        if target.stage == PRODUCTION and not self.terminal.yes:
            raise BadInput(f"This would remove the app from {target.title}: confirm it with --yes.")
        lock_stage(target.clients("dynamodb"), target.stage, target.project)
        removal = Removal(target.stage, PlanFirstUI(self.terminal, ""))
        monitoring = monitoring_stack(target.clients, target.stage, emulated=target.emulated)
        changes = list(removal.changes)
        has_monitoring = monitoring.state() is not None
        if has_monitoring:
            changes.append(Change(verb="delete", kind="stack", name=monitoring.name))
        if not changes:
            self.terminal.line(f"Nothing to remove: {target.title}")
            return
        self.terminal.confirm_plan(f"Remove from {target.title}", changes)
        with self.terminal.working("Removing ..."):
            if has_monitoring:  # first, so that no alarm rings because the app is gone
                monitoring.delete(self.terminal.progress)
            removal.execute()
        self.terminal.line(
            f"Removed: {target.title}. Its data stays. `make up STAGE={target.stage}` restores the stage."
        )

    def doctor(self, *, as_json: bool) -> bool:
        """Check the stage; return True when all checks are green. Raises: BadInput for a missing stage."""
        require_stack(self.target.clients, self.target.stage)
        return _run_doctor(DeployedStage(self.target), CHECKS, self.terminal, as_json=as_json)

    # --- Steps ----------------------------------------------------------------------------------

    def _put(self, stack: Stack) -> bool:
        """Create or update a stack; return whether anything changed."""
        changed = False
        while True:
            with self.terminal.working(f"Comparing the stack {stack.name} ..."):
                change_set = stack.plan()
            if change_set is None:
                return changed
            try:
                self.terminal.confirm_plan(f"Stack {stack.name}, {self.target.title}", change_set.changes)
            except BaseException:
                stack.drop(change_set)
                raise
            with self.terminal.working(f"Changing the stack {stack.name} ..."):
                stack.apply(change_set, self.terminal.progress)
            changed = True
            if not change_set.is_import:
                return changed

    def _deploy_function(self, name: str) -> None:
        self.terminal.confirm(f"Deploy {name} to {self.target.title}?")
        with self.terminal.working(f"Deploying {name} ..."):
            ui = PlanFirstUI(self.terminal, "")
            changed = deploy_function(self.target.project, self.target.stage, name, ui)
        self.terminal.line(f"{'Deployed' if changed else 'Nothing changed'}: {name}, {self.target.title}")

    def _deployed_functions(self) -> list[str]:
        pages = self.target.clients("lambda").get_paginator("list_functions").paginate()
        deployed = {each["FunctionName"] for page in pages for each in page["Functions"]}
        names = [function_name(self.target.stage, each) for each in FUNCTIONS]
        if not deployed & set(names):
            raise BadInput(f"{APP_NAME} is not deployed to {self.target.title}.")
        return [name for name in names if name in deployed]
