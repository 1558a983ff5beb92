"""The stage's tables and queues on an emulated AWS of its own, without functions."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from benchmarks.hooks import REGION, emulator_transport, environment
from benchmarks.task_types import TYPES
from chalicelib.aws.sdk.clients import Clients
from chalicelib.aws.sdk.protocols import AwsClients
from chalicelib.bootstrap.services import Services
from chalicelib.domain.caller import Scope
from chalicelib.domain.task_types import TaskTypes
from chalicelib.services.runtime import Runtime
from chalicelib.settings import APP_NAME, LOCAL_STAGE, Settings
from infra.stacks.ssm_parameters import put_signing_keys, put_token_keys, put_websocket_endpoint
from infra.stacks.stack import put_stack
from local.emulator import Emulator
from local.tokens import stage_token
from tests.support.emulators import free_port

OWNER: Final = "bench"
TASKS: Final = f"{APP_NAME}-{LOCAL_STAGE}-tasks"
#: Limits that no measurement reaches, except the measurements of limits.
GENEROUS: Final[dict[str, Any]] = {"open_tasks": 10**9}


@dataclass(frozen=True, slots=True)
class BenchStage:
    """An emulated AWS, and the services, tokens and endpoints on it."""

    emulator: Emulator

    @property
    def endpoint(self) -> str:
        """Where it listens."""
        return self.emulator.endpoint

    def services(
        self,
        clients: AwsClients | None = None,
        settings: dict[str, Any] | None = None,
        task_types: TaskTypes | None = TYPES,
        runtime: Runtime | None = None,
        poll_seconds: int = 1,
    ) -> Services:
        """The services of a new container, with the shipped task types when `task_types` is None."""
        return Services(
            Settings(stage=LOCAL_STAGE, **GENEROUS, **(settings or {})),
            clients=clients or Clients(environment(self.endpoint), transport=emulator_transport()),
            task_types=task_types,
            runtime=runtime,
            poll_seconds=poll_seconds,
        )

    def token(self, owner: str = OWNER) -> str:
        """A token with all scopes for `owner`."""
        return stage_token(self.emulator.client, owner, tuple(Scope))

    def serve_sockets_at(self, url: str) -> None:
        """Make `url` the WebSocket API that frames are posted to."""
        put_websocket_endpoint(self.emulator.client, LOCAL_STAGE, url)


@contextmanager
def bench_stage() -> Iterator[BenchStage]:
    """A stage for the duration of the block."""
    os.environ.setdefault("AWS_REGION", REGION)  # as Lambda sets it; Chalice reads it
    with TemporaryDirectory(prefix="bench-") as home:
        emulator = Emulator(free_port(), Path(home), persist=False)
        emulator.start()
        try:
            put_stack(emulator.client, LOCAL_STAGE)
            put_signing_keys(emulator.client, LOCAL_STAGE)
            put_token_keys(emulator.client, LOCAL_STAGE)
            stage = BenchStage(emulator)
            stage.serve_sockets_at(emulator.endpoint)
            yield stage
        finally:
            emulator.stop()
