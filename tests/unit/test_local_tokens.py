"""`make token`: a token for the running local stage, alone on its line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from chalicelib.auth.tokens import TokenRules, Tokens
from chalicelib.domain.caller import Caller, Scope
from infra import emulator_environment
from infra.stacks.ssm_parameters import put_token_keys
from local import tokens
from local.tokens import LIFETIME, mint_token
from tests.support.examples import NOW

ENDPOINT = "https://ssm.us-east-1.amazonaws.com"  # where moto listens
KEY = "a shared key for tests, long enough"


def bearer(token: str, key: str, now: datetime) -> Caller:
    """Who the service takes the bearer for."""
    service = Tokens(TokenRules(), shared_keys=lambda: (key.encode(),), key_set=None, clock=lambda: now)
    return service.caller(f"Bearer {token}")


class TestMinting:
    def test_a_token_is_good_for_half_a_day_for_what_it_says(self) -> None:
        token = mint_token(KEY, "alice", ["tasks:read"], NOW)
        caller = bearer(token, KEY, NOW)
        assert (caller.owner, caller.subject, caller.scopes) == ("alice", "alice", {"tasks:read"})
        assert caller.expires_at == NOW + LIFETIME

    def test_claims_come_on_top(self) -> None:
        end = NOW + timedelta(seconds=5)
        token = mint_token(KEY, "alice", [], NOW, sub="bob", exp=int(end.timestamp()))
        caller = bearer(token, KEY, NOW)
        assert (caller.subject, caller.expires_at) == ("bob", end)


class TestTheCommand:
    @pytest.fixture(autouse=True)
    def _environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, value in {"OWNER": "", "SCOPE": "", **emulator_environment(ENDPOINT)}.items():
            monkeypatch.setenv(name, value)  # put back after the test, whatever the command sets

    @pytest.fixture
    def endpoints(self, tmp_path: Path) -> Path:
        return tmp_path / "endpoints.json"

    @pytest.fixture
    def key(self, endpoints: Path) -> Iterator[str]:
        """The key of a local stage that runs."""
        endpoints.write_text(json.dumps({"aws_endpoint": ENDPOINT}))
        with mock_aws():
            ssm = boto3.client("ssm", "us-east-1")
            put_token_keys(lambda _: ssm, "local")
            answer = ssm.get_parameter(Name="/task-service/local/token-keys", WithDecryption=True)
            yield answer["Parameter"]["Value"]

    def test_a_token_stands_alone_on_its_line(
        self, key: str, endpoints: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert tokens.main(endpoints) == 0
        (line,) = capsys.readouterr().out.splitlines()
        caller = bearer(line, key, datetime.now(UTC))
        assert caller.owner == "default"
        assert caller.scopes == {scope.value for scope in Scope}

    @pytest.mark.parametrize("scope", ["tasks:read tasks:write", "tasks:read,tasks:write"])
    def test_owner_and_scopes_can_be_chosen(
        self,
        key: str,
        endpoints: Path,
        scope: str,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        monkeypatch.setenv("OWNER", "alice")
        monkeypatch.setenv("SCOPE", scope)
        assert tokens.main(endpoints) == 0
        caller = bearer(capsys.readouterr().out.strip(), key, datetime.now(UTC))
        assert caller.owner == "alice"
        assert caller.scopes == {"tasks:read", "tasks:write"}

    @pytest.mark.parametrize(
        ("name", "value"),
        [("OWNER", "a#b"), ("OWNER", "x" * 129), ("SCOPE", "tasks:everything"), ("SCOPE", "read")],
    )
    def test_what_cannot_be_is_refused(
        self,
        endpoints: Path,
        name: str,
        value: str,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        monkeypatch.setenv(name, value)
        assert tokens.main(endpoints) == 2
        assert capsys.readouterr().out == ""

    def test_without_a_running_stage_it_says_what_to_do(
        self, endpoints: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert tokens.main(endpoints) == 2
        printed = capsys.readouterr()
        assert printed.out == ""
        assert "make up" in printed.err
