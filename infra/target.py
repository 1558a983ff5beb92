"""The target of a command: a stage in an account and a region, resolved before anything is changed."""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
)
from botocore.session import Session
from pydantic import BaseModel, Field, ValidationError

from infra import LOCAL_STAGE, Clients
from infra.errors import BadInput


class _FunctionSettings(BaseModel, strict=True):
    """Settings with values that AWS would refuse in the middle of a deployment."""

    lambda_timeout: int | None = Field(default=None, ge=1, le=900)
    lambda_memory_size: int | None = Field(default=None, ge=128, le=10_240)
    environment_variables: dict[str, str] = {}
    iam_policy_file: str | None = None


class _StageSettings(_FunctionSettings):
    lambda_functions: dict[str, _FunctionSettings] = {}


class _Configuration(_StageSettings):
    stages: dict[str, _StageSettings]


@dataclass(frozen=True, kw_only=True)
class Target:
    """A stage on AWS or on an emulator."""

    stage: str
    region: str
    account: str
    project: Path
    clients: Clients  #: creates each client once
    endpoint: str | None = None  #: the URL of the emulator

    @property
    def emulated(self) -> bool:
        return self.endpoint is not None

    @property
    def title(self) -> str:
        """Stage, account and region, for a person."""
        emulator = f" on {self.endpoint}" if self.endpoint else ""
        return f"stage {self.stage}, account {self.account}, region {self.region}{emulator}"

    def api_address(self, api_id: str, scheme: str = "https") -> str:
        """Return the URL of one of the stage's APIs."""
        return api_address(self.endpoint, self.region, self.stage, api_id, scheme)


def api_address(endpoint: str | None, region: str, stage: str, api_id: str, scheme: str = "https") -> str:
    """Return an API's URL, on AWS or on the emulator at `endpoint`. `scheme` is https or wss."""
    if endpoint:
        base = f"{endpoint}/_aws/execute-api/{api_id}/{stage}"
        return base.replace("http", scheme.removesuffix("s"), 1) if scheme == "wss" else base
    suffix = ".cn" if region.startswith("cn-") else ""
    return f"{scheme}://{api_id}.execute-api.{region}.amazonaws.com{suffix}/{stage}"


def emulator_endpoint(environ: Mapping[str, str]) -> str | None:
    """Return the emulator's URL if `environ` directs all calls to one on this machine, else None."""
    endpoint = environ.get("AWS_ENDPOINT_URL")
    if endpoint and urlsplit(endpoint).hostname in ("127.0.0.1", "localhost", "::1"):
        return endpoint
    return None


def resolve_target(project: Path, stage: str) -> Target:
    """Resolve the target from the environment and the project's configuration.

    Raises: BadInput when the stage, the credentials or the region are invalid.
    """
    check_stage(read_stages(project), stage)
    session = Session()
    try:
        region = _region(session)
        account = _account(session)
    except ProfileNotFound as error:
        raise BadInput(f"{error}.") from error
    return Target(
        stage=stage,
        region=region,
        account=account,
        project=project,
        clients=cache(
            lambda service: session.create_client(service, config=Config(retries={"mode": "standard"}))
        ),
        endpoint=emulator_endpoint(os.environ),
    )


def read_stages(project: Path) -> dict[str, Any]:
    """Return the stages in .chalice/config.json. Raises: BadInput when the file is invalid."""
    file = project / ".chalice" / "config.json"
    try:
        content = json.loads(file.read_text())
    except OSError as error:
        raise BadInput(f".chalice/config.json cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise BadInput(f".chalice/config.json is not JSON: {error}.") from error
    if not isinstance(content, dict):
        raise BadInput(".chalice/config.json has no stages.")
    try:
        _Configuration.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        path = ".".join(map(str, first["loc"]))
        raise BadInput(f".chalice/config.json{path and f', {path}'}: {first['msg']}.") from error
    stages: dict[str, Any] = content["stages"]
    return stages


def check_stage(stages: Mapping[str, Any], stage: str) -> None:
    """Raises: BadInput when the stage is not one that is deployed to AWS."""
    if stage == LOCAL_STAGE:
        raise BadInput("The local stage is started by `make up`.")
    if stage not in stages:
        names = ", ".join(name for name in stages if name != LOCAL_STAGE)
        raise BadInput(f"There is no stage {stage!r} in .chalice/config.json. Its stages are {names}.")


def _region(session: Session) -> str:
    region = session.get_config_variable("region")
    if not region:
        region = os.environ.get("AWS_REGION")  # botocore ignores it
        if not region:
            raise BadInput("No region: set AWS_DEFAULT_REGION, or `region` of your AWS profile.")
        os.environ["AWS_DEFAULT_REGION"] = region
        session.set_config_variable("region", region)
    regions = [
        name
        for partition in session.get_available_partitions()
        for name in session.get_available_regions("lambda", partition)
    ]
    if region not in regions:
        matches = difflib.get_close_matches(region, regions, n=1)
        hint = f" Did you mean {matches[0]}?" if matches else ""
        raise BadInput(f"There is no region {region!r}.{hint}")
    return str(region)


def _account(session: Session) -> str:
    """Return the account of the credentials. This first call to AWS verifies them."""
    advice = "Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
    try:
        if session.get_credentials() is None:
            raise NoCredentialsError
        config = Config(connect_timeout=5, retries={"total_max_attempts": 2})
        client: Any = session.create_client("sts", config=config)
        identity = client.get_caller_identity()
    except ProfileNotFound:
        raise
    except (NoCredentialsError, PartialCredentialsError) as error:
        raise BadInput(f"No AWS credentials. {advice}") from error
    except ClientError as error:
        reason = error.response["Error"].get("Message", str(error))
        raise BadInput(f"AWS refuses these credentials: {reason}") from error
    except BotoCoreError as error:
        raise BadInput(f"AWS cannot be reached to verify the credentials: {error}") from error
    return str(identity["Account"])
