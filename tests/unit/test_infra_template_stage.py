"""The doctor checks a template without AWS."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from infra.__main__ import ROOT, main
from infra.doctor.template_stage import resolved
from infra.stacks.templates import DATA, load

Change = Callable[[dict[str, Any]], None]


@pytest.fixture(autouse=True)
def no_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)


def doctor(file: Path, *options: str, stage: str = "prod") -> int:
    return main(["doctor", "--stage", stage, "--template", str(file), *options], ROOT)


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_the_repositorys_own_is_healthy(stage: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor(DATA, stage=stage) == 0
    assert f"stage {stage}, as in" in capsys.readouterr().out


def properties(resource: str, **changes: Any) -> Change:
    def change(template: dict[str, Any]) -> None:
        values = template["Resources"][resource]["Properties"]
        values |= changes
        for key in [key for key, value in changes.items() if value is None]:
            del values[key]

    return change


BROKEN: dict[str, tuple[Change, str]] = {
    "no visibility of its own": (
        properties("FastQueue", VisibilityTimeout=None),
        "fast hides a message for 30 s, run_tasks may run 120 s",
    ),
    "less than six runs": (
        properties("LongQueue", VisibilityTimeout=5399),
        "long hides a message for 5399 s",
    ),
    "no dead letters": (properties("LongQueue", RedrivePolicy=None), "long has no dead letter queue"),
    "given up at once": (
        properties(
            "FastQueue",
            RedrivePolicy={
                "deadLetterTargetArn": {"Fn::GetAtt": ["DeadLetterQueue", "Arn"]},
                "maxReceiveCount": 2,
            },
        ),
        "fast dead-letters a message after 2 deliveries",
    ),
    "dead letters elsewhere": (
        properties(
            "FastQueue",
            RedrivePolicy={
                "deadLetterTargetArn": {"Fn::GetAtt": ["StreamFailureQueue", "Arn"]},
                "maxReceiveCount": 10,
            },
        ),
        "fast has no dead letter queue",
    ),
    "dead letters kept as long as messages": (
        properties("DeadLetterQueue", MessageRetentionPeriod=345600),
        "dead-letters keeps messages for 345600 s",
    ),
    "old images are missing": (
        properties("TasksTable", StreamSpecification={"StreamViewType": "NEW_IMAGE"}),
        "no stream with both images",
    ),
    "rows stay": (
        properties("DocumentsTable", TimeToLiveSpecification=None),
        "Rows of documents never expire",
    ),
    "no backup": (
        properties("TasksTable", PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": False}),
        "tasks has no point-in-time recovery",
    ),
    "no protection": (
        properties("TasksTable", DeletionProtectionEnabled=False),
        "tasks has no deletion protection",
    ),
    "not encrypted": (properties("FastQueue", SqsManagedSseEnabled=False), "fast is not encrypted."),
    "logs for ever": (properties("ApiLogs", RetentionInDays=None), "task-service-prod has no retention"),
    "no table": (
        lambda template: template["Resources"].pop("RollupsTable"),
        "has no AWS::DynamoDB::Table named task-service-prod-rollups",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_mistake_in_a_template_is_reported(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change, message = BROKEN[name]
    template = load(DATA)
    change(template)
    (tmp_path / "template.json").write_text(json.dumps(template))
    assert doctor(tmp_path / "template.json", "--json") == 1
    red = [each for each in json.loads(capsys.readouterr().out)["checks"] if not each["healthy"]]
    assert len(red) == 1
    assert message in red[0]["problems"][0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read: No such file"),
        (b"\xff\xfe\x00", "cannot be read: it is not text"),
        (b"a: [", "is not YAML"),
        (b"- a", "is not a CloudFormation template"),
        (b"Resources: {Queue: {}}", "is not a CloudFormation template"),
    ],
)
def test_a_file_that_is_not_a_template(
    content: bytes | None, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "template.yaml"
    if content is not None:
        file.write_bytes(content)
    assert doctor(file) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


def test_functions_of_cloudformation_are_evaluated() -> None:
    template = {
        "Conditions": {"Big": {"Fn::Not": [{"Fn::Equals": [{"Ref": "Size"}, "small"]}]}},
        "Resources": {
            "A": {
                "Type": "T",
                "Properties": {"X": {"Fn::If": ["Big", [1], 2]}, "Y": {"Fn::Join": ["", [{"Ref": "Size"}]]}},
            },
            "B": {"Type": "T"},
        },
    }
    assert resolved(template, {"Size": "large"})["A"]["Properties"] == {
        "X": [1],
        "Y": {"Fn::Join": ["", ["large"]]},
    }
    assert resolved(template, {"Size": "small"})["A"]["Properties"]["X"] == 2
    assert resolved(template, {})["B"]["Properties"] == {}
