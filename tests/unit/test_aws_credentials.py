"""Credentials: those of the environment, else those of the AWS command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from chalicelib.aws.sdk.credentials import AwsSession, Credentials
from chalicelib.settings import AwsEnvironment

VARIABLES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_PROFILE")


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with a profile of its own, and nothing in the environment."""
    for name in (*VARIABLES, "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "credentials").write_text(
        "[default]\naws_access_key_id = mine\naws_secret_access_key = hush\n"
    )
    (tmp_path / "config").write_text("[default]\nregion = eu-west-1\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return tmp_path


def test_the_environment_has_the_credentials_on_lambda(machine: Path) -> None:
    said = AwsEnvironment(region="us-west-2", access_key="key", secret_key="secret", session_token="token")
    session = AwsSession.of(said)
    assert session.region == "us-west-2"
    assert session.credentials() == Credentials("key", "secret", "token")


def test_without_an_environment_the_profile_is_used(machine: Path) -> None:
    session = AwsSession.of(AwsEnvironment())
    assert (session.region, session.credentials()) == ("eu-west-1", Credentials("mine", "hush", None))


def test_the_region_of_the_environment_overrides_the_profile(machine: Path) -> None:
    assert AwsSession.of(AwsEnvironment(region="us-west-2")).region == "us-west-2"


def test_the_error_names_what_is_missing(machine: Path) -> None:
    (machine / "config").write_text("")
    with pytest.raises(LookupError, match=r"region \(AWS_REGION\)"):
        AwsSession.of(AwsEnvironment())
    (machine / "credentials").write_text("")
    with pytest.raises(LookupError, match="credentials"):
        AwsSession.of(AwsEnvironment(region="us-west-2"))


def test_no_secret_is_shown() -> None:
    assert "hush" not in repr(Credentials("key", "hush", "hush"))
