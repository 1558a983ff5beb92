"""The service's settings, and the only reader of the environment.

Every setting has a default. Secrets are not here: they live in SSM (`aws/parameters.py`).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

APP_NAME = "task-service"
_LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_MOST = {
    "TASK_BUCKETS": 256,  # a partition is one byte of a task's id
    "DUE_BUCKETS": 256,
    "LOOKAHEAD_SECONDS": 900,  # the longest delay that SQS takes
    "RETENTION_DAYS": 3650,
}
#: Whose tasks they all are, until callers bring tokens that say so.
OWNER = "default"


class SettingsError(ValueError):
    """An environment variable holds a value that cannot be used; the message names it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """What can be set, each by the environment variable of the same name in capitals."""

    stage: str
    log_level: str = "INFO"
    endpoint_url: str | None = None  #: AWS_ENDPOINT_URL: where an emulated AWS listens

    task_buckets: int = 4  #: partitions of one owner's tasks; may be raised, never lowered
    due_buckets: int = 4  #: partitions of the due index; may be raised, never lowered

    grace_seconds: float = 120.0  #: a task whose message is lost is sent again after this long
    #: A lease outlives its handler's deadline by this: more than any two clocks differ.
    lease_margin_seconds: float = 15.0
    reserve_seconds: float = 10.0  #: kept of an invocation's time for recording outcomes
    backoff_base_seconds: float = 1.0
    backoff_cap_seconds: float = 300.0
    lookahead_seconds: float = 120.0  #: the sweep sends what starts within this, with an exact delay
    sweep_seconds: float = 50.0  #: one sweep ends after this
    retention_days: float = 30.0  #: finished tasks are kept this long
    connection_failures: int = 3  #: batches that a connection may fail before it is closed
    #: Private hosts that fetching task types may reach all the same.
    fetch_allowed_hosts: tuple[str, ...] = ()

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Settings:
        """The settings in `environ`. Raises: SettingsError, naming the variable and its value."""
        given: dict[str, Any] = {"stage": environ.get("STAGE", "local")}
        if endpoint := environ.get("AWS_ENDPOINT_URL"):
            given["endpoint_url"] = endpoint
        for field in fields(cls):
            name = field.name.upper()
            if field.name not in ("stage", "endpoint_url") and name in environ:
                given[field.name] = _read(name, environ[name], str(field.type))
        return cls(**given)

    @classmethod
    def current(cls) -> Settings:
        """The settings of this process."""
        return cls.from_env(os.environ)

    @staticmethod
    def deploying() -> bool:
        """Is it Chalice's command line that imports the app, and not a function or a test?"""
        return "AWS_CHALICE_CLI_MODE" in os.environ

    def resource(self, name: str) -> str:
        """The stage's own table, queue or topic called `name`."""
        return f"{APP_NAME}-{self.stage}-{name}"

    @property
    def stream_arn(self) -> str:
        """Stands for the stream of the tasks table until the deploy looks its ARN up."""
        return f"arn:aws:dynamodb:us-east-1:123456789012:table/{self.resource('tasks')}/stream/at-deploy"

    def parameter(self, name: str) -> str:
        """The stage's own SSM parameter called `name`."""
        return f"/{APP_NAME}/{self.stage}/{name}"


def _read(name: str, text: str, wanted: str) -> Any:
    if wanted.startswith("tuple"):
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if wanted == "str":
        return _log_level(name, text)
    try:
        value = int(text) if wanted == "int" else float(text)
    except ValueError:
        raise SettingsError(
            f"{name}={text!r}: a{' whole' if wanted == 'int' else ''} number is needed"
        ) from None
    if not 0 < value < float("inf"):
        raise SettingsError(f"{name}={text!r}: a number above 0 is needed")
    if value > _MOST.get(name, value):
        raise SettingsError(f"{name}={text!r}: {_MOST[name]} at most")
    return value


def _log_level(name: str, text: str) -> str:
    if text not in _LOG_LEVELS:
        raise SettingsError(f"{name}={text!r}: one of {', '.join(_LOG_LEVELS)} is needed")
    return text
