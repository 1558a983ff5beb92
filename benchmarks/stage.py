"""The stage's tables and queues on an emulated AWS of its own, without any function on it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from benchmarks.hooks import REGION, environment, patient
from benchmarks.task_types import TYPES
from chalicelib.aws.sdk.clients import Clients
from chalicelib.bootstrap.services import Services
from chalicelib.domain.caller import Scope
from chalicelib.settings import APP_NAME, LOCAL_STAGE, Settings
from infra.stacks.ssm_parameters import put_signing_keys, put_token_keys, put_websocket_endpoint
from infra.stacks.stack import put_stack
from local.emulator import Emulator
from local.tokens import stage_token
from tests.support.emulators import free_port

OWNER: Final = "bench"
TASKS: Final = f"{APP_NAME}-{LOCAL_STAGE}-tasks"
#: Limits that no measurement reaches, but for those of limits.
GENEROUS: Final[dict[str, Any]] = {"open_tasks": 10**9}


@dataclass(frozen=True, slots=True)
class BenchStage:
    """An emulated AWS, and what is needed to serve tasks from it."""

    emulator: Emulator

    @property
    def endpoint(self) -> str:
        """Where it listens."""
        return self.emulator.endpoint

    def services(
        self,
        clients: Clients | None = None,
        settings: dict[str, Any] | None = None,
        **differing: Any,
    ) -> Services:
        """The services of a fresh container, with other `clients` than those of the emulator."""
        return Services(
            Settings(stage=LOCAL_STAGE, **GENEROUS, **(settings or {})),
            clients=clients or Clients(environment(self.endpoint), transport=patient()),
            **{"task_types": TYPES, **differing},
        )

    def token(self, owner: str = OWNER) -> str:
        """A token that allows everything to `owner`."""
        return stage_token(self.emulator.client, owner, tuple(Scope))

    def serve_sockets_at(self, url: str) -> None:
        """Let frames be posted to `url`."""
        put_websocket_endpoint(self.emulator.client, LOCAL_STAGE, url)


@contextmanager
def bench_stage() -> Iterator[BenchStage]:
    """A stage that lives as long as the block."""
    os.environ.setdefault("AWS_REGION", REGION)  # as Lambda sets it: Chalice looks for it
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
