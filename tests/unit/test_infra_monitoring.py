"""Alarms and charts use metrics that exist, and every alarm is explained."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from infra.deployer.app_functions import functions_of
from infra.names import FUNCTIONS, function_name
from infra.stacks.alarms import alarms
from infra.stacks.dashboard import dashboard
from infra.stacks.log_queries import QUERIES
from infra.stacks.metrics import APP_NAMESPACE
from infra.stacks.monitoring import monitoring_template
from infra.stacks.templates import DATA, load, physical_name
from tests.unit.test_infra_configuration import ROOT

CHALICELIB = "\n".join(file.read_text() for file in (ROOT / "chalicelib").rglob("*.py"))
OPERATIONS = (ROOT / "docs" / "how-to" / "operate.md").read_text()
#: CloudFormation's limit for one request.
TEMPLATE_LIMIT_BYTES = 51_200


def test_cloudformation_accepts_the_template(tmp_path: Path) -> None:
    file = tmp_path / "monitoring.json"
    file.write_text(json.dumps(monitoring_template("prod")))
    assert file.stat().st_size < TEMPLATE_LIMIT_BYTES
    lint = subprocess.run(
        [Path(sys.executable).with_name("cfn-lint"), file], capture_output=True, text=True, check=False
    )
    assert lint.returncode == 0, lint.stdout


@pytest.mark.parametrize("alarm", alarms("prod"), ids=lambda alarm: alarm.name)
class TestAlarms:
    def test_it_is_explained(self, alarm) -> None:
        family = re.sub(r"^(errors|throttles)-.*", r"\1-…", alarm.name)
        assert f"`{family}`" in OPERATIONS

    def test_the_app_has_its_metric(self, alarm) -> None:
        if alarm.metric.namespace == APP_NAMESPACE:
            assert f'"{alarm.metric.name}"' in CHALICELIB
            assert set(alarm.metric.dimensions) == {"Stage"}

    def test_only_a_heartbeat_alarm_rings_without_data(self, alarm) -> None:
        assert (alarm.condition.missing == "breaching") == alarm.name.endswith("-silent")


def test_no_two_alarms_have_one_name() -> None:
    names = [alarm.name for alarm in alarms("prod")]
    assert len(names) == len(set(names))


def test_every_function_of_the_app_is_watched() -> None:
    assert set(FUNCTIONS) == {function.key for function in functions_of("prod")}


def test_the_dashboards_own_metrics_exist() -> None:
    board = json.dumps(dashboard("prod", region="eu-west-1", alarm_arn="{}"))
    for metric in re.findall(rf'\["{APP_NAMESPACE}", "(\w+)"', board):
        assert f'"{metric}"' in CHALICELIB, metric


@pytest.mark.parametrize("title", QUERIES)
def test_a_saved_query_asks_for_fields_that_are_logged(title: str) -> None:
    fields = re.findall(
        r"(?<![@\w])(task_id|task_type|correlation_id|error_kind|duration_ms|lease)", QUERIES[title]
    )
    for field in fields:
        assert field in CHALICELIB


class TestTemplate:
    RESOURCES = load(DATA)["Resources"]

    @pytest.mark.parametrize("name", RESOURCES)
    def test_no_data_is_lost_with_the_stack(self, name: str) -> None:
        resource = self.RESOURCES[name]
        if physical_name(resource, "dev") is not None:
            assert resource["DeletionPolicy"] == "RetainExceptOnCreate"
            assert resource["UpdateReplacePolicy"] == "Retain"

    def test_every_function_has_a_log_group_that_ends(self) -> None:
        groups = {
            physical_name(resource, "dev"): resource["Properties"]
            for resource in self.RESOURCES.values()
            if resource["Type"] == "AWS::Logs::LogGroup"
        }
        assert set(groups) == {f"/aws/lambda/{function_name('dev', each)}" for each in FUNCTIONS}
        assert all("RetentionInDays" in properties for properties in groups.values())
