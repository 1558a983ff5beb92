"""A command with bad input prints one line, exits with code 2 and changes nothing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from infra.__main__ import ROOT, main
from tests.support.emulators import free_port


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / ".chalice").mkdir()
    shutil.copy2(ROOT / ".chalice" / "config.json", tmp_path / ".chalice")
    return tmp_path


@pytest.fixture(autouse=True)
def no_user_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))


@pytest.fixture
def refused(project: Path, capsys: pytest.CaptureFixture[str]) -> object:
    """Runs a command that must be refused; returns the line that it prints."""

    def run(command: str, stage: str = "dev") -> str:
        assert main([command, "--stage", stage, "--yes"], project) == 2
        output = capsys.readouterr()
        assert output.out == ""
        (line,) = output.err.splitlines()
        return line

    return run


COMMANDS = ("up", "deploy", "doctor", "rollback", "down")


@pytest.mark.parametrize("command", COMMANDS)
class TestStages:
    def test_an_unknown_stage_is_refused(self, command, refused) -> None:
        assert (
            refused(command, "qa")
            == "There is no stage 'qa' in .chalice/config.json. Its stages are dev, prod."
        )

    def test_the_local_stage_is_refused(self, command, refused) -> None:
        assert refused(command, "local") == "The local stage is started by `make up`."


class TestConfiguration:
    def test_missing(self, project, refused) -> None:
        (project / ".chalice" / "config.json").unlink()
        assert refused("up").startswith(".chalice/config.json cannot be read: No such file")

    def test_not_json(self, project, refused) -> None:
        (project / ".chalice" / "config.json").write_text("{stages:")
        assert refused("up").startswith(".chalice/config.json is not JSON: Expecting property name")

    @pytest.mark.parametrize("text", ["{}", "[]", '{"stages": []}', '"stages"'])
    def test_without_stages(self, project, refused, text) -> None:
        (project / ".chalice" / "config.json").write_text(text)
        assert "stages" in refused("up")

    @pytest.mark.parametrize(
        ("key", "value", "message"),
        [
            ("dev", 5, "stages.dev: Input should be a valid dictionary"),
            ("dev", {"lambda_timeout": "29"}, "stages.dev.lambda_timeout: Input should be a valid integer"),
            ("dev", {"lambda_timeout": 901}, "less than or equal to 900"),
            ("dev", {"environment_variables": {"AUTH": True}}, "AUTH: Input should be a valid string"),
            ("dev", {"lambda_functions": {"sweep": {"lambda_memory_size": 64}}}, "equal to 128"),
        ],
    )
    def test_a_value_that_would_stop_a_deployment_midway(self, project, refused, key, value, message) -> None:
        (project / ".chalice" / "config.json").write_text(json.dumps({"stages": {key: value}}))
        assert message in refused("up")


class TestAws:
    def test_no_credentials(self, monkeypatch, refused) -> None:
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
        assert refused("up").startswith("No AWS credentials. Set AWS_PROFILE, or")

    def test_half_of_them(self, monkeypatch, refused) -> None:
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
        assert refused("up").startswith("No AWS credentials. Set AWS_PROFILE, or")

    def test_no_region(self, monkeypatch, refused) -> None:
        monkeypatch.delenv("AWS_DEFAULT_REGION")
        monkeypatch.delenv("AWS_REGION", raising=False)
        assert refused("up").startswith("No region: set AWS_DEFAULT_REGION")

    def test_a_region_that_does_not_exist(self, monkeypatch, refused) -> None:
        monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-wst-1")
        assert refused("up") == "There is no region 'eu-wst-1'. Did you mean eu-west-1?"

    def test_a_profile_that_does_not_exist(self, monkeypatch, refused) -> None:
        monkeypatch.setenv("AWS_PROFILE", "acme")
        assert "acme" in refused("up")

    def test_an_endpoint_without_a_server(self, monkeypatch, refused) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
        assert refused("up").startswith("AWS cannot be reached to verify the credentials: Could not connect")
