"""The files for Chalice and CloudFormation agree with each other and with the app.

Chalice ignores unknown keys in config.json: a misspelt function would keep its defaults.
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
    """Reads CloudFormation's short functions as their arguments."""


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
    """Return the distributions that app.py and chalicelib import, by their names on PyPI."""
    imports = Imports()
    for file in (ROOT / "app.py", *(ROOT / "chalicelib").rglob("*.py")):
        imports.visit(ast.parse(file.read_text()))
    by_module = packages_distributions()
    foreign = imports.modules - sys.stdlib_module_names - {"chalicelib", "infra"}
    return {
        distribution.lower().replace("_", "-") for module in foreign for distribution in by_module[module]
    }


#: The keys that Chalice reads in config.json.
KEYS = {name for name, value in vars(Config).items() if isinstance(value, property)}


class Recording(dict[str, Any]):
    """Settings that record which keys are read."""

    def __init__(self, settings: dict[str, Any]) -> None:
        # The mapping below one of Chalice's keys has the user's own keys; any other has Chalice's.
        super().__init__(
            {
                key: Recording(value) if isinstance(value, dict) and key not in KEYS else value
                for key, value in settings.items()
            }
        )
        self.read_keys: set[str] = set()

    def get(self, key: str, default: Any = None) -> Any:
        self.read_keys.add(key)
        return super().get(key, default)

    def rest(self, prefix: str = "") -> list[str]:
        """Return the paths of keys that were never read."""
        deeper = [
            path
            for key, value in self.items()
            if isinstance(value, Recording) and key in self.read_keys
            for path in value.rest(f"{prefix}{key}/")
        ]
        return [f"{prefix}{key}" for key in self.keys() - self.read_keys] + deeper


def unread(settings: dict[str, Any]) -> list[str]:
    """Return the settings that Chalice reads for no function of any stage."""
    recording = Recording(settings)
    for stage in settings["stages"]:
        params = {"chalice_app": app.app, "project_dir": str(ROOT)}
        config = Config(stage, user_provided_params=params, config_from_disk=recording)
        validate_configuration(config)
        for function in functions_in(config, stage):
            scoped = config.scope(stage, function.key)
            for key in KEYS:
                getattr(scoped, key)
    return recording.rest()


def properties(resource: str) -> dict[str, Any]:
    values: dict[str, Any] = RESOURCES[resource]["Properties"]
    return values


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


def test_the_package_contains_every_import() -> None:
    """The emulator's functions can import all installed packages: a missing one would fail on AWS only."""
    pinned = set(re.findall(r"^([\w.-]+)==", (ROOT / "requirements.txt").read_text(), re.MULTILINE))
    from_lambda, from_chalice = {"boto3", "botocore", "urllib3"}, {"chalice"}
    assert distributions_imported() <= pinned | from_lambda | from_chalice


@pytest.mark.parametrize("stage", CONFIG["stages"])
def test_functions_and_urls_have_the_name_of_their_stage(stage: str) -> None:
    settings = CONFIG["stages"][stage]
    assert settings["environment_variables"]["STAGE"] == stage
    assert settings["api_gateway_stage"] == stage


def test_no_stage_sends_its_deployments_to_a_fixed_address() -> None:
    """An AWS_ENDPOINT_URL here would beat the shell's, and deploy to the wrong server."""
    assert "AWS_ENDPOINT_URL" not in json.dumps(CONFIG)


@pytest.mark.parametrize("queue", ["FastQueue", "LongQueue"])
def test_a_poison_message_is_dead_lettered_before_it_expires(queue: str) -> None:
    settings = properties(queue)
    dead_lettered_after = settings["VisibilityTimeout"] * settings["RedrivePolicy"]["maxReceiveCount"]
    assert (
        dead_lettered_after
        < settings["MessageRetentionPeriod"]
        < properties("DeadLetterQueue")["MessageRetentionPeriod"]
    )


def test_the_dead_letter_monitor_ends_before_its_messages_come_back_and_its_next_run_starts() -> None:
    for _, function in FUNCTIONS:
        if function.key == "watch_dead_letters":
            assert function.model.timeout < properties("DeadLetterQueue")["VisibilityTimeout"]
            assert function.model.timeout < 300


@pytest.mark.parametrize("table", [name for name in RESOURCES if name.endswith("Table")])
def test_rows_of_every_table_expire(table: str) -> None:
    assert properties(table)["TimeToLiveSpecification"] == {"AttributeName": "ttl", "Enabled": True}


def test_the_stream_carries_both_images() -> None:
    assert properties("TasksTable")["StreamSpecification"] == {"StreamViewType": "NEW_AND_OLD_IMAGES"}
