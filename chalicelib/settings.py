"""The service's settings. No other module reads the environment.

Every setting has a default. Secrets are SSM parameters (`aws/ssm/parameters.py`), not settings.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

APP_NAME = "task-service"
VERSION = "0.1.0"
LOCAL_STAGE = "local"
#: The texts that a setting allows.
CHOICES = {
    "LOG_LEVEL": ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"),
    "AUTH": ("on", "off"),
    "AWS_SDK": ("own", "boto3"),
}
#: The largest value of a number.
MAXIMA = {
    "TASK_BUCKETS": 256,  # a partition is one byte of a task's id
    "DUE_BUCKETS": 256,
    "LOOKAHEAD_SECONDS": 900,  # the longest delay of an SQS message
    "RETENTION_DAYS": 3650,
    "TOKEN_LEEWAY_SECONDS": 600,  # clocks differ less, and expired tokens must be refused
    # Larger values make intervals too short, or counts too large, to be stored exactly.
    "POSTS_PER_SECOND": 100_000,
    "POST_BURST": 1_000_000,
    "OPEN_TASKS": 10**9,
    "CONNECTIONS": 100_000,
    "WAITERS": 1000,
}
#: An owner who used up a burst may post again within this.
_MAX_BURST_SECONDS = 86_400


class SettingsError(ValueError):
    """An environment variable has a value that cannot be used. The message names the variable."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """The settings. Each is the environment variable of the same name in capitals."""

    stage: str  #: the name of the stage, such as `local` or `prod`; each has its own resources
    log_level: str = "INFO"  #: the lowest level of the log lines that are written
    aws_sdk: str = "own"  #: the AWS client: the service's own, or AWS's `boto3`

    task_buckets: int = 4  #: partitions of one owner's tasks; may be raised, never lowered
    due_buckets: int = 4  #: partitions of the due index; may be raised, never lowered

    grace_seconds: float = 120.0  #: the sweep sends a task again when its message is this late
    #: a lease ends this long after its run's deadline; must exceed the difference of any two clocks
    lease_margin_seconds: float = 15.0  # guard: lease.margin
    reserve_seconds: float = 10.0  #: time of each invocation that is kept for recording outcomes
    backoff_base_seconds: float = 1.0  #: the wait before retry n is random, at most this · 2ⁿ⁻¹
    backoff_cap_seconds: float = 300.0  #: the longest wait before a retry
    lookahead_seconds: float = 120.0  #: the sweep sends tasks that start within this, with an exact delay
    sweep_seconds: float = 50.0  #: the longest duration of one sweep
    retention_days: float = 30.0  #: finished tasks are deleted after this
    connection_failures: int = 3  #: a connection is closed after so many batches that it did not receive
    #: `off` allows every caller everything; possible on the local stage only
    auth: str = "on"
    #: the key set (JWKS) of the OpenID Connect provider; needs `TOKEN_ISSUER` and `TOKEN_AUDIENCE`
    jwks_url: str = ""
    token_issuer: str = ""  #: the `iss` that a token must have
    token_audience: str = ""  #: the audience that a token must have
    audience_claim: str = "aud"  #: the claim with the audience; `client_id` for Cognito's access tokens
    owner_claim: str = "sub"  #: the claim with the owner of the caller's tasks
    scope_claim: str = "scope"  #: the claim with the scopes
    scope_prefix: str = ""  #: the provider's prefix of each scope, such as `my-api/` for Cognito
    token_leeway_seconds: float = 30.0  #: the largest difference of the issuer's and the service's clocks
    oidc_client_id: str = ""  #: the dashboard's client id at the provider; needs `JWKS_URL` and the endpoints
    oidc_authorization_endpoint: str = ""  #: the URL to which the dashboard sends people to sign in
    oidc_token_endpoint: str = ""  #: the URL from which the dashboard gets its token
    #: the scopes that the dashboard requests; if empty, `openid` and to read and write tasks
    oidc_scope: str = ""
    cors_origins: tuple[str, ...] = ()  #: origins, separated by commas, whose pages may call the API

    posts_per_second: float = 200.0  #: tasks that one owner may create per second on average
    post_burst: int = 1000  #: tasks that one owner may create at once
    open_tasks: int = 10_000  #: unfinished tasks of one owner
    connections: int = 500  #: WebSocket connections of one owner
    waiters: int = 20  #: requests of one owner that may wait for a task at the same time

    #: private hosts, separated by commas, that tasks may fetch from
    fetch_allowed_hosts: tuple[str, ...] = ()

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Settings:
        """The settings in `environ`. Raises: SettingsError, naming the variable and its value."""
        values: dict[str, Any] = {"stage": environ.get("STAGE", LOCAL_STAGE)}
        variables = cls.variables()
        for each in fields(cls):
            name = each.name.upper()
            if name in variables and name in environ:
                values[each.name] = _read(name, environ[name], str(each.type))
        settings = cls(**values)
        settings._check()
        return settings

    @classmethod
    def variables(cls) -> frozenset[str]:
        """The environment variables of the settings that an operator may set: all but STAGE."""
        return frozenset(each.name.upper() for each in fields(cls)) - {"STAGE"}

    def _check(self) -> None:
        """Raises: SettingsError for values that exclude each other, or that this stage does not allow."""
        if self.auth == "off" and self.stage != LOCAL_STAGE:
            raise SettingsError(f"AUTH='off': only the {LOCAL_STAGE} stage runs without tokens")
        if self.jwks_url and not (self.token_issuer and self.token_audience):
            raise SettingsError(
                "JWKS_URL without TOKEN_ISSUER and TOKEN_AUDIENCE: every token of the provider would count"
            )
        if self.jwks_url and not self.jwks_url.startswith("https://") and self.stage != LOCAL_STAGE:
            raise SettingsError(f"JWKS_URL={self.jwks_url!r}: https is needed")
        self._check_sign_in()
        if self.post_burst > _MAX_BURST_SECONDS * self.posts_per_second:
            raise SettingsError(
                f"POST_BURST={self.post_burst}: at most as many as POSTS_PER_SECOND allows in a day"
            )

    def _check_sign_in(self) -> None:
        endpoints = (self.oidc_authorization_endpoint, self.oidc_token_endpoint)
        if self.oidc_client_id and not (self.jwks_url and all(endpoints)):
            raise SettingsError(
                "OIDC_CLIENT_ID without OIDC_AUTHORIZATION_ENDPOINT, OIDC_TOKEN_ENDPOINT and JWKS_URL: "
                "nobody could sign in"
            )
        for endpoint in filter(None, endpoints):
            if not endpoint.startswith("https://") and self.stage != LOCAL_STAGE:
                raise SettingsError(f"{endpoint!r}: https is needed to sign in")

    @property
    def sign_in_scope(self) -> str:
        """The scopes that the dashboard requests from the provider."""
        return self.oidc_scope or f"openid {self.scope_prefix}tasks:read {self.scope_prefix}tasks:write"

    @classmethod
    def current(cls) -> Settings:
        """The settings of this process."""
        return cls.from_env(os.environ)

    @staticmethod
    def deploying() -> bool:
        """Does Chalice's command line import the app, and not a Lambda function or a test?"""
        return "AWS_CHALICE_CLI_MODE" in os.environ

    def resource(self, name: str) -> str:
        """The full name of the stage's table, queue or topic `name`."""
        return f"{APP_NAME}-{self.stage}-{name}"

    @property
    def stream_arn(self) -> str:
        """A placeholder for the ARN of the tasks table's stream, which the deployment looks up."""
        return f"arn:aws:dynamodb:us-east-1:123456789012:table/{self.resource('tasks')}/stream/at-deploy"

    def parameter(self, name: str) -> str:
        """The full name of the stage's SSM parameter `name`."""
        return f"/{APP_NAME}/{self.stage}/{name}"


@dataclass(frozen=True, kw_only=True, slots=True)
class AwsEnvironment:
    """The values of AWS's own environment variables. Lambda sets the region and the credentials."""

    region: str | None = None  #: AWS_REGION or AWS_DEFAULT_REGION
    access_key: str | None = None
    secret_key: str | None = field(default=None, repr=False)
    session_token: str | None = field(default=None, repr=False)
    endpoint_url: str | None = None  #: AWS_ENDPOINT_URL: the URL of an emulated AWS
    ca_bundle: str | None = None  #: AWS_CA_BUNDLE: a file of root certificates

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> AwsEnvironment:
        """The values in `environ`. An empty variable counts as missing."""
        variables = {name: value for name, value in environ.items() if value}
        return cls(
            region=variables.get("AWS_REGION") or variables.get("AWS_DEFAULT_REGION"),
            access_key=variables.get("AWS_ACCESS_KEY_ID"),
            secret_key=variables.get("AWS_SECRET_ACCESS_KEY"),
            session_token=variables.get("AWS_SESSION_TOKEN"),
            endpoint_url=variables.get("AWS_ENDPOINT_URL"),
            ca_bundle=variables.get("AWS_CA_BUNDLE"),
        )

    @classmethod
    def current(cls) -> AwsEnvironment:
        """The values in the environment of this process."""
        return cls.from_env(os.environ)


def _read(name: str, text: str, value_type: str) -> Any:
    if value_type.startswith("tuple"):
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if value_type == "str":
        return _text(name, text)
    try:
        value = int(text) if value_type == "int" else float(text)
    except ValueError:
        raise SettingsError(
            f"{name}={text!r}: a{' whole' if value_type == 'int' else ''} number is needed"
        ) from None
    if not 0 < value < float("inf"):
        raise SettingsError(f"{name}={text!r}: a number above 0 is needed")
    if value > MAXIMA.get(name, value):
        raise SettingsError(f"{name}={text!r}: at most {MAXIMA[name]} is allowed")
    return value


def _text(name: str, text: str) -> str:
    choices = CHOICES.get(name)
    if choices is not None and text not in choices:
        raise SettingsError(f"{name}={text!r}: one of {', '.join(choices)} is needed")
    return text
