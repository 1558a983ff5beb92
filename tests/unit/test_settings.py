"""Settings are read from the environment. An error names the variable."""

from __future__ import annotations

from dataclasses import astuple, fields
from typing import Any, ClassVar

import pytest

from chalicelib.settings import AwsEnvironment, Settings, SettingsError

NUMBERS = [field.name for field in fields(Settings) if str(field.type) in ("int", "float")]
SIGN_IN = {
    "JWKS_URL": "https://id.example/keys",
    "TOKEN_ISSUER": "https://id.example",
    "TOKEN_AUDIENCE": "tasks",
    "OIDC_CLIENT_ID": "dashboard",
    "OIDC_AUTHORIZATION_ENDPOINT": "https://id.example/authorize",
    "OIDC_TOKEN_ENDPOINT": "https://id.example/token",
}
WHOLE_NUMBERS = [field.name for field in fields(Settings) if str(field.type) == "int"]


class TestDefaults:
    def test_an_empty_environment_is_enough(self) -> None:
        assert Settings.from_env({}) == Settings(stage="local")

    def test_the_defaults_are_those_of_the_protocol(self) -> None:
        settings = Settings.from_env({})
        assert settings.grace_seconds == 120
        assert settings.lease_margin_seconds == 15
        assert (settings.backoff_base_seconds, settings.backoff_cap_seconds) == (1, 300)
        assert settings.lookahead_seconds == 120
        assert settings.retention_days == 30

    def test_other_variables_are_ignored(self) -> None:
        assert Settings.from_env({"PATH": "/bin", "HOME": "/"}) == Settings(stage="local")


class TestVariables:
    def test_stage_and_endpoint_are_no_settings(self) -> None:
        assert not Settings.variables() & {"STAGE", "AWS_ENDPOINT_URL", "ENDPOINT_URL"}


class TestReading:
    @pytest.mark.parametrize("name", NUMBERS)
    def test_every_number_is_read_from_the_variable_of_its_name(self, name: str) -> None:
        assert getattr(Settings.from_env({name.upper(): "7"}), name) == 7

    @pytest.mark.parametrize(
        ("variable", "text", "name", "value"),
        [
            ("STAGE", "prod", "stage", "prod"),
            ("LOG_LEVEL", "DEBUG", "log_level", "DEBUG"),
            ("GRACE_SECONDS", "0.5", "grace_seconds", 0.5),
            ("TASK_BUCKETS", "256", "task_buckets", 256),
            ("FETCH_ALLOWED_HOSTS", "127.0.0.1", "fetch_allowed_hosts", ("127.0.0.1",)),
            (
                "FETCH_ALLOWED_HOSTS",
                " a.test , b.test,",
                "fetch_allowed_hosts",
                ("a.test", "b.test"),
            ),
            ("FETCH_ALLOWED_HOSTS", "", "fetch_allowed_hosts", ()),
        ],
    )
    def test_a_value_is_read_from_its_text(self, variable: str, text: str, name: str, value: Any) -> None:
        assert getattr(Settings.from_env({variable: text}), name) == value


class TestAwsEnvironment:
    def test_it_is_read_from_awss_own_variables(self) -> None:
        variables = {
            "AWS_REGION": "eu-central-1",
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",  # pragma: allowlist secret
            "AWS_SESSION_TOKEN": "token",
            "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
            "AWS_CA_BUNDLE": "/roots.pem",
        }
        assert astuple(AwsEnvironment.from_env(variables)) == (
            *("eu-central-1", "key", "secret", "token", "http://127.0.0.1:1", "/roots.pem"),
        )

    def test_an_empty_variable_counts_as_missing(self) -> None:
        variables = {"AWS_REGION": "", "AWS_DEFAULT_REGION": "us-west-2", "AWS_SESSION_TOKEN": ""}
        assert AwsEnvironment.from_env(variables) == AwsEnvironment(region="us-west-2")

    def test_secrets_are_not_shown(self) -> None:
        secrets = AwsEnvironment(secret_key="hush", session_token="hush")  # pragma: allowlist secret
        assert "hush" not in repr(secrets)


class TestRefusals:
    @pytest.mark.parametrize("text", ["", "many", "0", "-1", "nan", "inf", "-inf", "1e999", "0x10", "1,5"])
    @pytest.mark.parametrize("name", NUMBERS)
    def test_an_error_names_the_variable_and_its_value(self, name: str, text: str) -> None:
        with pytest.raises(SettingsError) as refused:
            Settings.from_env({name.upper(): text})
        assert f"{name.upper()}={text!r}: " in str(refused.value)

    @pytest.mark.parametrize("name", WHOLE_NUMBERS)
    def test_a_count_must_be_a_whole_number(self, name: str) -> None:
        with pytest.raises(SettingsError, match=f"{name.upper()}='1.5': a whole number"):
            Settings.from_env({name.upper(): "1.5"})

    @pytest.mark.parametrize("variable", ["TASK_BUCKETS", "DUE_BUCKETS"])
    def test_there_are_at_most_256_buckets(self, variable: str) -> None:
        with pytest.raises(SettingsError, match=f"{variable}='257': at most 256 is allowed"):
            Settings.from_env({variable: "257"})

    @pytest.mark.parametrize(
        ("variable", "most"),
        [
            ("LOOKAHEAD_SECONDS", 900),
            ("RETENTION_DAYS", 3650),
            ("TOKEN_LEEWAY_SECONDS", 600),
            ("POSTS_PER_SECOND", 100_000),
            ("CONNECTIONS", 100_000),
        ],
    )
    def test_a_value_above_its_maximum_is_refused_at_start(self, variable: str, most: int) -> None:
        assert Settings.from_env({variable: str(most)})
        with pytest.raises(SettingsError, match=f"{variable}='{most + 1}': at most {most} is allowed"):
            Settings.from_env({variable: str(most + 1)})

    @pytest.mark.parametrize("text", ["", "chatty", "info"])
    def test_a_log_level_is_one_of_pythons(self, text: str) -> None:
        with pytest.raises(SettingsError, match=r"LOG_LEVEL=.*: one of DEBUG, INFO"):
            Settings.from_env({"LOG_LEVEL": text})


class TestAuthentication:
    """Settings that would let everybody in are refused at start."""

    PROVIDER: ClassVar = {
        "JWKS_URL": "https://issuer.example/jwks",
        "TOKEN_ISSUER": "https://issuer.example",
        "TOKEN_AUDIENCE": "tasks",
    }

    def test_tokens_are_required_by_default(self) -> None:
        assert Settings.from_env({}).auth == "on"
        assert Settings.from_env({"AUTH": "off", "STAGE": "local"}).auth == "off"

    @pytest.mark.parametrize("stage", ["dev", "prod", "LOCAL", "local2", ""])
    def test_another_stage_does_not_run_without_tokens(self, stage: str) -> None:
        with pytest.raises(SettingsError, match="AUTH='off'"):
            Settings.from_env({"AUTH": "off", "STAGE": stage})

    @pytest.mark.parametrize("text", ["", "OFF", "no", "false", "0"])
    def test_auth_is_on_or_off(self, text: str) -> None:
        with pytest.raises(SettingsError, match="one of on, off"):
            Settings.from_env({"AUTH": text, "STAGE": "local"})

    @pytest.mark.parametrize("missing", ["TOKEN_ISSUER", "TOKEN_AUDIENCE"])
    def test_a_provider_needs_an_issuer_and_an_audience(self, missing: str) -> None:
        with pytest.raises(SettingsError, match="every token of the provider"):
            Settings.from_env({**self.PROVIDER, missing: ""})

    @pytest.mark.parametrize("url", ["http://issuer.example/jwks", "file:///etc/passwd", "issuer.example"])
    def test_key_sets_are_read_over_https(self, url: str) -> None:
        with pytest.raises(SettingsError, match="https is needed"):
            Settings.from_env({**self.PROVIDER, "STAGE": "prod", "JWKS_URL": url})
        assert Settings.from_env({**self.PROVIDER, "STAGE": "prod"}).jwks_url == self.PROVIDER["JWKS_URL"]

    def test_a_burst_is_refilled_within_a_day(self) -> None:
        assert Settings.from_env({"POSTS_PER_SECOND": "0.1", "POST_BURST": "8640"}).post_burst == 8640
        with pytest.raises(SettingsError, match="POST_BURST=8641"):
            Settings.from_env({"POSTS_PER_SECOND": "0.1", "POST_BURST": "8641"})


class TestNames:
    def test_every_resource_carries_its_stage(self) -> None:
        settings = Settings(stage="prod")
        assert settings.resource("tasks") == "task-service-prod-tasks"
        assert settings.parameter("signing-keys") == "/task-service/prod/signing-keys"
        assert settings.stream_arn.startswith("arn:aws:dynamodb:")
        assert "table/task-service-prod-tasks/stream/" in settings.stream_arn

    def test_settings_do_not_change(self) -> None:
        with pytest.raises(AttributeError):
            Settings(stage="prod").stage = "dev"  # type: ignore[misc]


@pytest.mark.parametrize("missing", ["JWKS_URL", "OIDC_AUTHORIZATION_ENDPOINT", "OIDC_TOKEN_ENDPOINT"])
def test_a_sign_in_that_cannot_work_is_refused(missing: str) -> None:
    provider = {name: value for name, value in SIGN_IN.items() if name != missing}
    with pytest.raises(SettingsError, match="OIDC_CLIENT_ID without"):
        Settings.from_env(provider)


def test_a_sign_in_without_tls_is_for_the_local_stage_only() -> None:
    insecure = SIGN_IN | {"OIDC_TOKEN_ENDPOINT": "http://id.example/token"}
    assert Settings.from_env(insecure | {"STAGE": "local"}).oidc_client_id
    with pytest.raises(SettingsError, match="https is needed"):
        Settings.from_env(insecure | {"STAGE": "prod"})
