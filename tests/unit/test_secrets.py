"""Owners' secrets in SSM."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from moto import mock_aws

from chalicelib.aws.sdk.transport import Request, Response
from chalicelib.aws.ssm.secrets import KEPT_SECONDS, Secrets
from chalicelib.domain.outcomes import Rejected
from chalicelib.settings import Settings
from testing.kit import shared_session
from tests.support.aws_requests import MotoClients, Send, parsed_call

SETTINGS = Settings(stage="test")


@dataclass
class Stage:
    """A stage's SSM, its secrets, and a clock."""

    clients: MotoClients
    now: float = 1000.0
    reads: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.secrets = Secrets(self.clients.ssm, SETTINGS.parameter, clock=lambda: self.now)

        self.clients.line.taps.append(self._note)

    def _note(self, request: Request, send: Send) -> Response:
        if (found := parsed_call(request)).operation == "GetParameter":
            self.reads.append(found.parameters["Name"])
        return send(request)

    def store(self, level: str, value: Any) -> None:
        text = value if isinstance(value, str) else json.dumps(value)
        name = f"/task-service/test/secrets/{level}"
        shared_session().create_client("ssm").put_parameter(
            Name=name, Value=text, Type="SecureString", Overwrite=True
        )


@pytest.fixture
def stage() -> Iterator[Stage]:
    with mock_aws():
        yield Stage(MotoClients())


def test_a_secret_is_returned_to_its_owner_for_its_hosts(stage: Stage) -> None:
    stage.store("ada/hooks", {"value": "whsec_YQ==", "hosts": ["Example.com", "example.org"]})

    assert stage.secrets.get("ada", "hooks", "example.com") == "whsec_YQ=="
    assert stage.secrets.get("ada", "hooks", "example.org") == "whsec_YQ=="


@pytest.mark.parametrize(
    ("owner", "name", "host", "message"),
    [
        ("ada", "hooks", "evil.example", "the secret 'hooks' is not for evil.example"),
        ("ada", "hooks", "sub.example.com", "the secret 'hooks' is not for sub.example.com"),
        ("bob", "hooks", "example.com", "there is no secret 'hooks'"),
        ("ada", "other", "example.com", "there is no secret 'other'"),
        ("ada", "../ada/hooks", "example.com", "'../ada/hooks' cannot be the name of a secret"),
        ("", "ada/hooks", "example.com", "'ada/hooks' cannot be the name of a secret"),
        ("ada", "", "example.com", "'' cannot be the name of a secret"),
    ],
)
def test_another_owner_or_host_does_not_get_it(
    stage: Stage, owner: str, name: str, host: str, message: str
) -> None:
    stage.store("ada/hooks", {"value": "whsec_YQ==", "hosts": ["example.com"]})

    with pytest.raises(Rejected) as refusal:
        stage.secrets.get(owner, name, host)
    assert str(refusal.value) == message


@pytest.mark.parametrize(
    ("owner", "level"),
    [("auth0|5f7", "auth0_7C5f7"), ("a/b", "a_2Fb"), ("a_2Fb", "a_5F2Fb"), ("zoë", "zo_C3_AB"), ("..", "..")],
)
def test_owners_of_any_names_have_separate_secrets(stage: Stage, owner: str, level: str) -> None:
    stage.store(f"{level}/hooks", {"value": "whsec_YQ==", "hosts": ["example.com"]})

    assert stage.secrets.get(owner, "hooks", "example.com") == "whsec_YQ=="


def test_a_secret_is_cached(stage: Stage) -> None:
    stage.store("ada/hooks", {"value": "old", "hosts": ["example.com"]})
    assert stage.secrets.get("ada", "hooks", "example.com") == "old"
    stage.store("ada/hooks", {"value": "new", "hosts": ["example.com"]})

    stage.now += KEPT_SECONDS - 1
    assert stage.secrets.get("ada", "hooks", "example.com") == "old"
    assert len(stage.reads) == 1

    stage.now += 1
    assert stage.secrets.get("ada", "hooks", "example.com") == "new"
    assert len(stage.reads) == 2


def test_a_missing_secret_is_read_again(stage: Stage) -> None:
    with pytest.raises(Rejected):
        stage.secrets.get("ada", "hooks", "example.com")
    stage.store("ada/hooks", {"value": "whsec_YQ==", "hosts": ["example.com"]})

    assert stage.secrets.get("ada", "hooks", "example.com") == "whsec_YQ=="


@pytest.mark.parametrize("text", ["whsec_sensitive", '{"value": "whsec_sensitive"}', '["whsec_sensitive"]'])
def test_a_malformed_secret_is_not_shown(stage: Stage, text: str) -> None:
    stage.store("ada/hooks", text)

    with pytest.raises(Rejected, match="the secret 'hooks' is not stored as") as refusal:
        stage.secrets.get("ada", "hooks", "example.com")
    assert "sensitive" not in str(refusal.value)


def test_the_cache_is_bounded(stage: Stage) -> None:
    for number in range(300):
        stage.store(f"ada/hooks{number}", {"value": str(number), "hosts": ["example.com"]})
        assert stage.secrets.get("ada", f"hooks{number}", "example.com") == str(number)

    stage.secrets.get("ada", "hooks299", "example.com")
    stage.secrets.get("ada", "hooks0", "example.com")
    assert len(stage.reads) == 301
