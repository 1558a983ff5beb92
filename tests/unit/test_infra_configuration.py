"""The files that Chalice and CloudFormation read agree with each other and with the app.

Chalice accepts any key in config.json without a word: a misspelt function would keep its defaults.
"""

from __future__ import annotations

import ast
import copy
import json
import re
import sys
from functools import reduce
from importlib.metadata import packages_distributions
from operator import getitem
from typing import Any

import pytest
import yaml
from chalice.config import Config
from chalice.deploy.validate import validate_configuration

import app
from chalicelib.domain.timing import STORED_WITHIN
from infra.deployer.app_functions import Function, functions_in, functions_of, stages
from infra.iam import policies
from infra.stacks.templates import DATA as TEMPLATE

ROOT = TEMPLATE.parents[2]
CONFIG: dict[str, Any] = json.loads((ROOT / ".chalice" / "config.json").read_text())
BEHIND_API_GATEWAY = {"api_handler", "websocket_connect", "websocket_message", "websocket_disconnect"}
FUNCTIONS = [(stage, function) for stage in stages() for function in functions_of(stage)]


class TemplateLoader(yaml.SafeLoader):
    """Reads CloudFormation's short functions as what stands behind them."""


TemplateLoader.add_multi_constructor("!", lambda loader, _, node: getattr(node, "value", None))
RESOURCES: dict[str, dict[str, Any]] = yaml.load(TEMPLATE.read_text(), TemplateLoader)["Resources"]


QUEUES: dict[str, dict[str, Any]] = {
    resource["Properties"]["QueueName"]: resource["Properties"]
    for resource in RESOURCES.values()
    if resource["Type"] == "AWS::SQS::Queue"
}


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


#: What Chalice looks up in config.json.
KEYS = {name for name, value in vars(Config).items() if isinstance(value, property)}


class Remembering(dict[str, Any]):
    """Settings that remember what was looked up in them."""

    def __init__(self, settings: dict[str, Any]) -> None:
        # The value of a key of Chalice's is the user's own; any other mapping is a place with keys.
        super().__init__(
            {
                key: Remembering(value) if isinstance(value, dict) and key not in KEYS else value
                for key, value in settings.items()
            }
        )
        self.looked_up: set[str] = set()

    def get(self, key: str, default: Any = None) -> Any:
        self.looked_up.add(key)
        return super().get(key, default)

    def rest(self, place: str = "") -> list[str]:
        """The paths of what was never looked up."""
        deeper = [
            path
            for key, value in self.items()
            if isinstance(value, Remembering) and key in self.looked_up
            for path in value.rest(f"{place}{key}/")
        ]
        return [f"{place}{key}" for key in self.keys() - self.looked_up] + deeper


def unread(settings: dict[str, Any]) -> list[str]:
    """What Chalice looks up nowhere, for whatever function of whatever stage."""
    remembering = Remembering(settings)
    for stage in settings["stages"]:
        params = {"chalice_app": app.app, "project_dir": str(ROOT)}
        config = Config(stage, user_provided_params=params, config_from_disk=remembering)
        validate_configuration(config)
        for function in functions_in(config, stage):
            scoped = config.scope(stage, function.key)
            for key in KEYS:
                getattr(scoped, key)
    return remembering.rest()


def properties(resource: str) -> dict[str, Any]:
    found: dict[str, Any] = RESOURCES[resource]["Properties"]
    return found


def test_chalice_reads_every_setting() -> None:
    assert unread(CONFIG) == []


@pytest.mark.parametrize(
    "wrong",
    [
        "lambda_memory",
        "stages/prod/lambda_architektur",
        "lambda_functions/run_task",
        "lambda_functions/sweep/environment_variables",
        "stages/dev/lambda_functions/connect",
        "stages/dev/lambda_functions/sweep/timeout",
    ],
)
def test_a_setting_that_chalice_never_reads_is_found(wrong: str) -> None:
    settings = copy.deepcopy(CONFIG)
    *path, key = wrong.split("/")
    reduce(getitem, path, settings)[key] = {"lambda_timeout": 1}
    assert unread(settings) == [wrong]


@pytest.mark.parametrize(
    ("stage", "function"), FUNCTIONS, ids=lambda each: each.key if isinstance(each, Function) else each
)
class TestEveryFunction:
    def test_has_a_role_of_its_own(self, stage: str, function: Function) -> None:
        assert function.model.role.role_name == f"task-service-{stage}-{function.key}"
        assert function.policy_file.name == policies.file_name(stage, function.key)

    def test_has_memory_for_a_cold_start_in_time(self, stage: str, function: Function) -> None:
        assert function.model.memory_size >= 512

    def test_ends_before_the_gateway_gives_up(self, stage: str, function: Function) -> None:
        if function.key in BEHIND_API_GATEWAY:
            assert function.model.timeout <= 29
            assert function.model.timeout < STORED_WITHIN.total_seconds()  # a sync looks back no longer

    def test_ends_before_its_message_is_shown_again(self, stage: str, function: Function) -> None:
        """Six runs, as AWS advises."""
        if function.queue is not None:
            queue = QUEUES[f"task-service-${{Stage}}-{function.queue}"]
            assert queue["VisibilityTimeout"] == 6 * function.model.timeout


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


@pytest.mark.parametrize("queue", ["FastQueue", "LongQueue"])
def test_a_poison_message_gets_its_verdict_before_it_expires(queue: str) -> None:
    settings = properties(queue)
    verdict = settings["VisibilityTimeout"] * settings["RedrivePolicy"]["maxReceiveCount"]
    assert (
        verdict < settings["MessageRetentionPeriod"] < properties("DeadLetterQueue")["MessageRetentionPeriod"]
    )


def test_the_dead_letter_monitor_ends_before_its_messages_come_back_and_its_next_run_starts() -> None:
    for _, function in FUNCTIONS:
        if function.key == "watch_dead_letters":
            assert function.model.timeout < properties("DeadLetterQueue")["VisibilityTimeout"]
            assert function.model.timeout < 300


@pytest.mark.parametrize("table", [name for name in RESOURCES if name.endswith("Table")])
def test_every_table_lets_old_rows_go(table: str) -> None:
    assert properties(table)["TimeToLiveSpecification"] == {"AttributeName": "ttl", "Enabled": True}


def test_the_stream_carries_both_images() -> None:
    assert properties("TasksTable")["StreamSpecification"] == {"StreamViewType": "NEW_AND_OLD_IMAGES"}
