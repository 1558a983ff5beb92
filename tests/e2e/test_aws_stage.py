"""The commands of a team that runs the service on AWS, in the order of its life there."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from infra.deployer import preconditions
from infra.deployer.deployment_lock import DeploymentLock
from infra.doctor.all_checks import CHECKS
from infra.doctor.check import run_checks
from infra.doctor.deployed_stage import DeployedStage
from infra.errors import BadInput
from local.emulator import Emulator
from tests.e2e.aws_stage import KEY, AwsStage
from tests.e2e.breakages import BREAKAGES
from tests.e2e.conftest import copy_project
from tests.support.emulators import free_port

MAPPED = ("run_tasks", "run_long_tasks", "push_updates")


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AwsStage]:
    """The stage, up and deployed."""
    home = tmp_path_factory.mktemp("aws")
    emulator = Emulator(free_port(), home, persist=False)
    (home / "checkout").mkdir()
    stage = AwsStage(checkout=copy_project(home / "checkout"), emulator=emulator)
    try:
        emulator.start()
        up = stage.infra("up", "--email", "team@example.com")
        assert up.returncode == 0, up.stdout + up.stderr
        give_key(stage)
        deployed = stage.infra("deploy")
        assert deployed.returncode == 0, deployed.stdout + deployed.stderr
        yield stage
    finally:
        emulator.stop()


def give_key(stage: AwsStage) -> None:
    stage.client("ssm").put_parameter(
        Name="/task-service/dev/token-keys", Value=KEY, Type="SecureString", Overwrite=True
    )


def change_code(stage: AwsStage, words: str) -> None:
    with (stage.checkout / "chalicelib" / "cors.py").open("a") as file:
        file.write(f"\n# {words}\n")


class TestRepeating:
    def test_a_second_up_changes_nothing(self, stage: AwsStage) -> None:
        again = stage.infra("up")
        assert again.returncode == 0
        assert again.stdout.splitlines()[-1].startswith("Nothing changed")

    def test_a_second_deployment_changes_nothing(self, stage: AwsStage) -> None:
        functions = stage.client("lambda")
        before = functions.get_function_configuration(FunctionName="task-service-dev")
        again = stage.infra("deploy")
        assert again.returncode == 0, again.stderr
        assert "Nothing changed" in again.stdout
        after = functions.get_function_configuration(FunctionName="task-service-dev")
        assert (after["RevisionId"], after["LastModified"]) == (before["RevisionId"], before["LastModified"])

    def test_a_deployment_from_another_machine_changes_nothing(self, stage: AwsStage, tmp_path: Path) -> None:
        """Which has neither Chalice's record nor its package."""
        elsewhere = AwsStage(checkout=copy_project(tmp_path), emulator=stage.emulator)
        again = elsewhere.infra("deploy")
        assert again.returncode == 0, again.stderr
        assert "Nothing changed" in again.stdout

    def test_a_task_goes_through(self, stage: AwsStage) -> None:
        assert stage.run_a_task() < 30

    def test_a_bulk_goes_through_under_the_policies_of_the_stage(self, stage: AwsStage) -> None:
        """The emulator asks for permission, and the policies are those that AWS would get."""
        task = {"type": "demo.sleep", "payload": {"seconds": 0}}
        answer = stage.service.call("POST", "/tasks/batch", {"tasks": [task] * 3})
        results = answer.json["results"]
        assert [result["status"] for result in results] == [201, 201, 201]
        for result in results:
            stage.service.wait_for(result["task"]["id"], "succeeded")


class TestChalice:
    def test_chalices_own_command_reverts_manual_changes(self, stage: AwsStage) -> None:
        functions = stage.client("lambda")
        expected = {name: safe(stage.mapping(name)) for name in MAPPED}
        for name in MAPPED:
            functions.update_event_source_mapping(
                UUID=stage.mapping(name)["UUID"], FunctionResponseTypes=[], BatchSize=1
            )
        stage.client("events").disable_rule(Name="task-service-dev-sweep-event")
        deployed = stage.chalice("deploy")
        assert deployed.returncode == 0, deployed.stdout + deployed.stderr
        assert stage.client("events").describe_rule(Name="task-service-dev-sweep-event")["State"] == "ENABLED"
        assert {name: safe(stage.mapping(name)) for name in MAPPED} == expected
        assert {tuple(stage.mapping(name)["FunctionResponseTypes"]) for name in MAPPED} == {
            ("ReportBatchItemFailures",)
        }

    def test_it_reports_a_failed_precondition_in_one_line(self, stage: AwsStage) -> None:
        ssm = stage.client("ssm")
        ssm.delete_parameter(Name="/task-service/dev/token-keys")
        try:
            refused = stage.chalice("deploy")
        finally:
            give_key(stage)
        assert refused.returncode == 2
        assert "cannot verify tokens" in refused.stderr
        assert "Traceback" not in refused.stderr


def safe(mapping: dict[str, Any]) -> dict[str, Any]:
    """Return the settings that protect a mapping from losing messages and from blocking."""
    names = ("UUID", "BatchSize", "FunctionResponseTypes", "MaximumRetryAttempts", "DestinationConfig")
    return {name: mapping.get(name) for name in names}


class TestCode:
    def test_one_function_gets_new_code_and_the_last_deployment_can_be_undone(self, stage: AwsStage) -> None:
        first = stage.code("sweep")
        change_code(stage, "one function's")
        assert stage.infra("deploy", "--function", "sweep").returncode == 0
        alone = stage.code("sweep")
        assert alone != first
        assert stage.code("run_tasks") == first

        change_code(stage, "everybody's")
        assert stage.infra("deploy").returncode == 0
        assert stage.code("sweep") == stage.code("run_tasks") != alone

        assert stage.infra("rollback").returncode == 0
        assert (stage.code("sweep"), stage.code("run_tasks")) == (alone, first)
        assert stage.infra("rollback").returncode == 0
        assert (stage.code("sweep"), stage.code("run_tasks")) == (first, first)
        nothing = stage.infra("rollback")
        assert nothing.returncode == 2
        assert "no earlier code" in nothing.stderr

    def test_an_unknown_function_is_named(self, stage: AwsStage) -> None:
        refused = stage.infra("deploy", "--function", "swep")
        assert refused.returncode == 2
        assert "There is no function 'swep'. There are api_handler," in refused.stderr


class TestPreconditions:
    """Each is one sentence, and nothing is changed."""

    TIMEOUTS: ClassVar = {"run_tasks": 120, "run_long_tasks": 900}

    def refused(self, stage: AwsStage, *, timeouts: dict[str, int] = TIMEOUTS, **environment: str) -> str:
        with pytest.raises(BadInput) as refusal:
            preconditions.check(stage.target.clients, "dev", timeouts, environment)
        return str(refusal.value.message)

    def test_a_healthy_stage_passes(self, stage: AwsStage) -> None:
        preconditions.check(stage.target.clients, "dev", self.TIMEOUTS, {})

    def test_a_queue_must_hide_messages_for_six_runs_of_its_function(self, stage: AwsStage) -> None:
        message = self.refused(stage, timeouts={"run_tasks": 300, "run_long_tasks": 900})
        assert message.startswith(
            "The queue task-service-dev-fast hides a message for 720 s, but run_tasks may run"
        )
        assert "300 s: the minimum is 1800 s" in message

    def test_a_stage_must_verify_tokens(self, stage: AwsStage) -> None:
        assert "AUTH='off': only the local stage runs without tokens" in self.refused(stage, AUTH="off")

    def test_a_provider_needs_all_its_settings(self, stage: AwsStage) -> None:
        message = self.refused(stage, JWKS_URL="https://id.example/keys")
        assert "JWKS_URL without TOKEN_ISSUER and TOKEN_AUDIENCE" in message

    def test_a_second_api_of_the_same_name_is_refused(self, stage: AwsStage) -> None:
        gateway = stage.client("apigateway")
        api = gateway.create_rest_api(name="task-service-dev")["id"]
        try:
            refused = stage.infra("deploy")
        finally:
            gateway.delete_rest_api(restApiId=api)
        assert refused.returncode == 2
        assert "The name task-service-dev is ambiguous: 2 REST APIs have it" in refused.stderr


class TestOneAtATime:
    def test_while_one_process_deploys_others_are_refused(self, stage: AwsStage) -> None:
        deploying = DeploymentLock(dynamodb=stage.client("dynamodb"), stage="dev")
        deploying.acquire()
        heartbeats = threading.Thread(target=deploying.keep_alive, args=[lambda: None])
        heartbeats.start()
        try:
            refused = [stage.infra("deploy"), stage.chalice("deploy"), stage.infra("down")]
        finally:
            deploying.release()
            heartbeats.join()
        assert [each.returncode for each in refused] == [2, 2, 2]
        for each in refused:
            (line,) = each.stderr.splitlines()
            assert "The stage dev is being changed by process" in line

    def test_a_stage_belongs_to_one_region(self, stage: AwsStage) -> None:
        """Its roles are not: they are the whole account's."""
        roles = stage.client("iam").list_roles()["Roles"]
        elsewhere = {"AWS_DEFAULT_REGION": "eu-west-1", "AWS_REGION": "eu-west-1"}
        assert "Nothing to remove" in stage.infra("down", **elsewhere).stdout
        assert stage.client("iam").list_roles()["Roles"] == roles
        missing = stage.infra("doctor", **elsewhere)
        assert missing.returncode == 2
        assert missing.stderr.startswith("There is no stack task-service-dev in eu-west-1")


class TestDoctor:
    def test_a_healthy_stage_is_green(self, stage: AwsStage) -> None:
        healthy = stage.infra("doctor")
        assert healthy.returncode == 0, healthy.stdout
        assert "All checks are green." in healthy.stdout

    @pytest.mark.parametrize("name", BREAKAGES)
    def test_each_breakage_turns_exactly_one_check_red(self, stage: AwsStage, name: str) -> None:
        breakage = BREAKAGES[name]
        breakage.break_it(stage)
        try:
            red = [each for each in run_checks(DeployedStage(stage.target), CHECKS) if not each.is_healthy]
        finally:
            breakage.repair(stage)
        assert [each.check.title for each in red] == [breakage.check.title]
        assert breakage.problem in red[0].problems[0]

    def test_the_json_report_has_the_same_findings(self, stage: AwsStage) -> None:
        stage.client("cloudwatch").delete_alarms(AlarmNames=["task-service-dev-new-dead-letters"])
        sick = stage.infra("doctor", "--json")
        assert sick.returncode == 1
        report = json.loads(sick.stdout)
        assert not report["healthy"]
        (red,) = [each for each in report["checks"] if not each["healthy"]]
        assert red["problems"] == ["task-service-dev-new-dead-letters does not exist."]
        assert "make up STAGE=dev" in red["advice"]


class TestEnding:
    """Last, because the app is gone for a while."""

    def test_what_was_stored_outlives_the_app(self, stage: AwsStage) -> None:
        dynamodb = stage.client("dynamodb")
        tasks = dynamodb.scan(TableName="task-service-dev-tasks")["Count"]
        down = stage.infra("down")
        assert down.returncode == 0, down.stderr
        assert not stage.client("lambda").list_functions()["Functions"]
        assert not stage.client("cloudwatch").describe_alarms()["MetricAlarms"]
        assert not [
            role
            for role in stage.client("iam").list_roles()["Roles"]
            if role["RoleName"].startswith("task-service-")
        ]
        assert dynamodb.scan(TableName="task-service-dev-tasks")["Count"] == tasks
        assert "Nothing to remove" in stage.infra("down").stdout

    @pytest.mark.parametrize(
        "words", ["Action=PutRolePolicy", "event-source-mappings ", "/deployments ", "/routes ", "/stages "]
    )
    def test_a_killed_deployment(self, stage: AwsStage, words: str) -> None:
        assert stage.deploy_until(words) == 9

    def test_the_next_deployment_finishes_a_killed_one(self, stage: AwsStage) -> None:
        assert stage.infra("up").returncode == 0
        deployed = stage.infra("deploy")
        assert deployed.returncode == 0, deployed.stderr
        assert len(stage.client("apigateway").get_rest_apis()["items"]) == 1
        assert len(stage.client("apigatewayv2").get_apis()["Items"]) == 1
        assert len(stage.client("lambda").list_event_source_mappings()["EventSourceMappings"]) == 3
        assert stage.run_a_task() < 30
        assert "Nothing changed" in stage.infra("deploy").stdout

    def test_a_deleted_stack_imports_its_retained_resources(self, stage: AwsStage) -> None:
        table = stage.client("dynamodb").describe_table(TableName="task-service-dev-tasks")["Table"]
        stage.client("cloudformation").delete_stack(StackName="task-service-dev")
        assert "There is no stack task-service-dev" in stage.infra("deploy").stderr
        up = stage.infra("up")
        assert up.returncode == 0, up.stderr
        assert "< adopt" in up.stdout
        after = stage.client("dynamodb").describe_table(TableName="task-service-dev-tasks")["Table"]
        assert after["TableId"] == table["TableId"]
        assert json.loads(stage.infra("doctor", "--json").stdout)["healthy"]
