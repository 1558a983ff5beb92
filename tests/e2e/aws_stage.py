"""A stage that is deployed by `python -m infra` and `chalice deploy`, on an emulator of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from chalicelib.domain.caller import Scope
from infra import emulator_environment
from infra.doctor.deployed_stage import DeployedStage
from infra.target import Target
from local.emulator import Emulator
from local.smoke_test import run_smoke_test
from local.stage import Endpoints
from local.tokens import mint_token
from tests.e2e.conftest import Service

STAGE = "dev"
KEY = "a key that only this test knows: 32 bytes"
#: Ends the process when it is about to send a request that holds these bytes, as a power cut would.
KILLED_BEFORE = """
import os, sys
from pathlib import Path
from infra.deployer.deployment import deploy_app

text = sys.argv[1].encode()

def watch(event, arguments):
    if event == "http.client.send" and isinstance(arguments[1], bytes) and text in arguments[1]:
        os._exit(9)

sys.addaudithook(watch)
deploy_app(Path.cwd(), "dev", {})
"""


@dataclass(frozen=True, kw_only=True)
class AwsStage:
    """The stage dev of a checkout, and the emulator that it is deployed to."""

    checkout: Path
    emulator: Emulator

    @cached_property
    def environment(self) -> dict[str, str]:
        return {**os.environ, **emulator_environment(self.emulator.endpoint)}

    def infra(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run `python -m infra` without a terminal, so that it does not ask."""
        return self._run(sys.executable, "-m", "infra", *arguments, "--stage", STAGE, **environment)

    def chalice(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Chalice's own command."""
        chalice = str(Path(sys.executable).with_name("chalice"))
        return self._run(chalice, *arguments, "--stage", STAGE)

    def deploy_until(self, text: str) -> int:
        """Run a deployment that is killed before the first request with this text; return its exit code."""
        return self._run(sys.executable, "-c", KILLED_BEFORE, text).returncode

    def _run(self, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.checkout,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    def client(self, service: str) -> Any:
        return self.emulator.client(service)

    @property
    def target(self) -> Target:
        return Target(
            stage=STAGE,
            region="us-east-1",
            account="000000000000",
            project=self.checkout,
            clients=cache(self.emulator.client),
            endpoint=self.emulator.endpoint,
        )

    @property
    def endpoints(self) -> Endpoints:
        deployed = DeployedStage(self.target)
        assert deployed.rest_api_id is not None
        assert deployed.websocket_api_id is not None
        return Endpoints(
            http=self.target.api_address(deployed.rest_api_id),
            websocket=self.target.api_address(deployed.websocket_api_id, "wss"),
            aws_endpoint=self.emulator.endpoint,
            token=mint_token(KEY, "default", tuple(Scope), datetime.now(UTC)),
        )

    @cached_property
    def service(self) -> Service:
        """The stage as its clients use it."""
        no_local_stage: Any = None
        return Service(stage=no_local_stage, emulator=self.emulator, endpoints=self.endpoints)

    def run_a_task(self) -> float:
        """Return the seconds from the POST of a task to the update that it succeeded."""
        return run_smoke_test(self.endpoints)

    def code(self, function: str) -> str:
        """Lambda's hash of the live code."""
        name = f"task-service-{STAGE}-{function}"
        return str(self.client("lambda").get_function_configuration(FunctionName=name)["CodeSha256"])

    def mapping(self, function: str) -> dict[str, Any]:
        name = f"task-service-{STAGE}-{function}"
        response = self.client("lambda").list_event_source_mappings(FunctionName=name)
        (only,) = response["EventSourceMappings"]
        return dict(only)
