"""The files that Chalice and CloudFormation read agree with each other and with the app.

Chalice accepts any key in config.json without a word: a misspelt function would keep its defaults.
"""

from __future__ import annotations

import ast
import json
import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.templates import DATA as TEMPLATE

ROOT = TEMPLATE.parents[1]
CONFIG: dict[str, Any] = json.loads((ROOT / ".chalice" / "config.json").read_text())
#: Chalice's own names for the functions that are not called as they are in app.py.
FIXED_NAMES = {"api_handler", "websocket_connect", "websocket_message", "websocket_disconnect"}


class TemplateLoader(yaml.SafeLoader):
    """Reads CloudFormation's short functions as what stands behind them."""


TemplateLoader.add_multi_constructor("!", lambda loader, _, node: getattr(node, "value", None))
RESOURCES: dict[str, dict[str, Any]] = yaml.load(TEMPLATE.read_text(), TemplateLoader)["Resources"]


def functions_of_app() -> set[str]:
    tree = ast.parse((ROOT / "app.py").read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.decorator_list}


class Imports(ast.NodeVisitor):
    """The modules that a file imports when it runs, by the first part of their names."""

    def __init__(self) -> None:
        self.modules: set[str] = set()

    def visit_If(self, node: ast.If) -> None:
        if ast.unparse(node.test) != "TYPE_CHECKING":
            self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        self.modules |= {alias.name.partition(".")[0] for alias in node.names}

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        self.modules.add(str(node.module).partition(".")[0])


def distributions_imported() -> set[str]:
    """What app.py and chalicelib import beyond themselves and Python's own, by the names that pip knows."""
    imports = Imports()
    for file in (ROOT / "app.py", *(ROOT / "chalicelib").rglob("*.py")):
        imports.visit(ast.parse(file.read_text()))
    known = packages_distributions()
    foreign = imports.modules - sys.stdlib_module_names - {"chalicelib", "infra"}
    return {distribution.lower().replace("_", "-") for module in foreign for distribution in known[module]}


def timeout(function: str) -> int:
    seconds = CONFIG["lambda_functions"].get(function, {}).get("lambda_timeout", CONFIG["lambda_timeout"])
    return int(seconds)


def properties(resource: str) -> dict[str, Any]:
    found: dict[str, Any] = RESOURCES[resource]["Properties"]
    return found


def test_every_function_with_settings_exists() -> None:
    assert set(CONFIG["lambda_functions"]) <= functions_of_app() | FIXED_NAMES


def test_the_package_brings_all_that_it_imports() -> None:
    """The emulator's functions see all that is installed here: what is missing would show on AWS only."""
    pinned = set(re.findall(r"^([\w.-]+)==", (ROOT / "requirements.txt").read_text(), re.MULTILINE))
    given_by_lambda, put_in_by_chalice = {"boto3", "botocore", "urllib3"}, {"chalice"}
    assert distributions_imported() <= pinned | given_by_lambda | put_in_by_chalice


@pytest.mark.parametrize("stage", CONFIG["stages"])
def test_a_stage_tells_its_functions_and_its_urls_its_name(stage: str) -> None:
    settings = CONFIG["stages"][stage]
    assert settings["environment_variables"]["STAGE"] == stage
    assert settings["api_gateway_stage"] == stage


def test_no_stage_sends_its_deployments_to_a_fixed_address() -> None:
    """An AWS_ENDPOINT_URL here would beat the shell's, and deploy to the wrong server."""
    assert "AWS_ENDPOINT_URL" not in json.dumps(CONFIG)


@pytest.mark.parametrize("function", ["api_handler", *sorted(FIXED_NAMES)])
def test_nothing_behind_api_gateway_outlives_its_29_seconds(function: str) -> None:
    assert timeout(function) <= 29


@pytest.mark.parametrize(("queue", "function"), [("FastQueue", "run_tasks"), ("LongQueue", "run_long_tasks")])
def test_a_message_stays_hidden_for_six_runs_of_its_function(queue: str, function: str) -> None:
    assert properties(queue)["VisibilityTimeout"] == 6 * timeout(function)


@pytest.mark.parametrize("queue", ["FastQueue", "LongQueue"])
def test_a_poison_message_gets_its_verdict_before_it_expires(queue: str) -> None:
    settings = properties(queue)
    verdict = settings["VisibilityTimeout"] * settings["RedrivePolicy"]["maxReceiveCount"]
    assert (
        verdict < settings["MessageRetentionPeriod"] < properties("DeadLetterQueue")["MessageRetentionPeriod"]
    )


def test_the_dead_letter_monitor_ends_before_its_messages_come_back_and_its_next_run_starts() -> None:
    assert timeout("watch_dead_letters") < properties("DeadLetterQueue")["VisibilityTimeout"]
    assert timeout("watch_dead_letters") < 300


@pytest.mark.parametrize("table", [name for name in RESOURCES if name.endswith("Table")])
def test_every_table_lets_old_rows_go(table: str) -> None:
    assert properties(table)["TimeToLiveSpecification"] == {"AttributeName": "ttl", "Enabled": True}


def test_the_stream_carries_both_images() -> None:
    assert properties("TasksTable")["StreamSpecification"] == {"StreamViewType": "NEW_AND_OLD_IMAGES"}


@pytest.mark.parametrize("file", sorted((ROOT / ".chalice").glob("policy*.json")), ids=lambda file: file.name)
def test_a_policy_reaches_nothing_beyond_the_service(file: Path) -> None:
    for statement in json.loads(file.read_text())["Statement"]:
        resources = statement["Resource"]
        for arn in [resources] if isinstance(resources, str) else resources:
            assert (
                "task-service" in arn
                or "@connections" in arn
                or statement["Action"] == "dynamodb:ListStreams"
            )
