"""Which stage in which account and region a command is about, known before it does anything."""

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


class _OfFunctions(BaseModel, strict=True):
    """What AWS would refuse, or Chalice stumble over, in the middle of a deployment."""

    lambda_timeout: int | None = Field(default=None, ge=1, le=900)
    lambda_memory_size: int | None = Field(default=None, ge=128, le=10_240)
    environment_variables: dict[str, str] = {}
    iam_policy_file: str | None = None


class _OfStage(_OfFunctions):
    lambda_functions: dict[str, _OfFunctions] = {}


class _Configuration(_OfStage):
    stages: dict[str, _OfStage]


@dataclass(frozen=True, kw_only=True)
class Target:
    """A stage, and the AWS that it lives on."""

    stage: str
    region: str
    account: str
    project: Path
    clients: Clients  #: each client is made once
    endpoint: str | None = None  #: where an emulated AWS listens

    @property
    def emulated(self) -> bool:
        return self.endpoint is not None

    @property
    def place(self) -> str:
        """Where changes will happen, for a person."""
        where = f" on {self.endpoint}" if self.endpoint else ""
        return f"stage {self.stage}, account {self.account}, region {self.region}{where}"

    def api_address(self, api_id: str, scheme: str = "https") -> str:
        """Where an API of the stage is reached."""
        return api_address(self.endpoint, self.region, self.stage, api_id, scheme)


def api_address(endpoint: str | None, region: str, stage: str, api_id: str, scheme: str = "https") -> str:
    """Where an API is reached, on AWS or on its emulator at `endpoint`. `scheme` is https or wss."""
    if endpoint:
        base = f"{endpoint}/_aws/execute-api/{api_id}/{stage}"
        return base.replace("http", scheme.removesuffix("s"), 1) if scheme == "wss" else base
    suffix = ".cn" if region.startswith("cn-") else ""
    return f"{scheme}://{api_id}.execute-api.{region}.amazonaws.com{suffix}/{stage}"


def emulator_endpoint(environ: Mapping[str, str]) -> str | None:
    """Where AWS's emulator listens, if that is where `environ` sends all calls: on this machine."""
    endpoint = environ.get("AWS_ENDPOINT_URL")
    if endpoint and urlsplit(endpoint).hostname in ("127.0.0.1", "localhost", "::1"):
        return endpoint
    return None


def aim(project: Path, stage: str) -> Target:
    """The target that the environment and the project's configuration describe.

    Raises: BadInput when the stage, the credentials or the region are no good.
    """
    check_stage(stages(project), stage)
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


def stages(project: Path) -> dict[str, Any]:
    """The stages in .chalice/config.json. Raises: BadInput when it cannot be read."""
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
        place = ".".join(map(str, first["loc"]))
        raise BadInput(f".chalice/config.json{place and f', {place}'}: {first['msg']}.") from error
    found: dict[str, Any] = content["stages"]
    return found


def check_stage(known: Mapping[str, Any], stage: str) -> None:
    """Raises: BadInput when it is not one of those that are deployed to AWS."""
    if stage == LOCAL_STAGE:
        raise BadInput("The local stage is brought up by `make up`.")
    if stage not in known:
        names = ", ".join(name for name in known if name != LOCAL_STAGE)
        raise BadInput(f"There is no stage {stage!r} in .chalice/config.json. It has {names}.")


def _region(session: Session) -> str:
    region = session.get_config_variable("region")
    if not region:
        region = os.environ.get("AWS_REGION")  # which botocore does not read
        if not region:
            raise BadInput("No region: set AWS_DEFAULT_REGION, or `region` of your AWS profile.")
        os.environ["AWS_DEFAULT_REGION"] = region
        session.set_config_variable("region", region)
    known = [
        name
        for partition in session.get_available_partitions()
        for name in session.get_available_regions("lambda", partition)
    ]
    if region not in known:
        near = difflib.get_close_matches(region, known, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise BadInput(f"There is no region {region!r}.{hint}")
    return str(region)


def _account(session: Session) -> str:
    """The account of the credentials: the first call, which shows whether they are good."""
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
        raise BadInput(f"AWS does not take these credentials: {reason}") from error
    except BotoCoreError as error:
        raise BadInput(f"AWS cannot be asked who you are: {error}") from error
    return str(identity["Account"])
