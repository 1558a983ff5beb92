"""Brings up the local stage on a running emulator, ordered by the dependencies of its parts."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from chalicelib.domain.caller import Scope
from infra import APP_NAME, LOCAL_STAGE
from infra.stacks.emulator_gaps import complete_tables
from infra.stacks.ssm_parameters import put_signing_keys, put_token_keys
from infra.stacks.stack import put_stack
from local.deployer import Deployer
from local.emulator import Emulator
from local.log_stream import LOG_GROUPS
from local.tokens import OWNER, stage_token

PREFIX: Final = f"{APP_NAME}-{LOCAL_STAGE}"
PUSH_FUNCTION: Final = f"{PREFIX}-push_updates"
SWEEP_FUNCTION: Final = f"{PREFIX}-sweep"

QUIET_SECONDS: Final = 0.5
DRAIN_SECONDS: Final = 5.0


@dataclass(frozen=True, kw_only=True)
class Endpoints:
    """Addresses of the running service."""

    http: str
    websocket: str
    aws_endpoint: str
    token: str  #: allows everything to the owner "default"

    @property
    def dashboard(self) -> str:
        """A link that signs in. The browser does not send the part after the #."""
        return f"{self.http}/#token={self.token}"

    def write(self, file: Path) -> None:
        """Write them to `file` atomically: a reader never sees half of the file."""
        draft = file.with_suffix(".tmp")
        draft.touch(mode=0o600)  # it holds a token
        draft.write_text(json.dumps(asdict(self), indent=2) + "\n")
        draft.replace(file)


class LocalStage:
    """Tables, queues and functions of the local stage on one emulator."""

    def __init__(self, emulator: Emulator, deployer: Deployer) -> None:
        self._emulator = emulator
        self._deployer = deployer

    def bring_up(self) -> Endpoints:
        """Create or update all resources of the stage.

        Raises: DeploymentError.
        """
        put_stack(self._emulator.client, LOCAL_STAGE)
        put_signing_keys(self._emulator.client, LOCAL_STAGE)
        put_token_keys(self._emulator.client, LOCAL_STAGE)
        complete_tables(self._emulator.client, LOCAL_STAGE)
        self._delete_stream_mappings()
        self._delete_logs()
        return self.deploy()

    def deploy(self) -> Endpoints:
        """Deploy the code of this checkout. Raises: DeploymentError."""
        apis = self._deployer.deploy()
        base = f"{self._emulator.endpoint}/_aws/execute-api"
        websocket = f"{base}/{apis.websocket_api_id}/{LOCAL_STAGE}"
        return Endpoints(
            http=f"{base}/{apis.rest_api_id}/{LOCAL_STAGE}",
            websocket=websocket.replace("http", "ws", 1),
            aws_endpoint=self._emulator.endpoint,
            token=self.token(OWNER, tuple(Scope)),
        )

    def token(self, owner: str, scopes: Iterable[str]) -> str:
        """Return a token of `owner`, signed with the stage's key."""
        return stage_token(self._emulator.client, owner, scopes)

    def sweep(self) -> None:
        """Run the sweep for tasks that became due while nothing ran. The schedule starts a minute later."""
        event: dict[str, Any] = {"version": "0", "account": "", "region": "", "detail": {}, "resources": []}
        event |= {"detail-type": "Scheduled Event", "source": "aws.events", "time": "", "id": "start"}
        self._emulator.client("lambda").invoke(
            FunctionName=SWEEP_FUNCTION, InvocationType="Event", Payload=json.dumps(event)
        )

    def drain_stream(self) -> None:
        """Wait until push_updates has been idle for a moment, or for `DRAIN_SECONDS`.

        A stopped emulator loses its position in the stream.
        """
        logs = self._emulator.client("logs")
        deadline = time.monotonic() + DRAIN_SECONDS
        while time.monotonic() < deadline:
            quiet_since = int((time.time() - QUIET_SECONDS) * 1000)
            group = f"/aws/lambda/{PUSH_FUNCTION}"
            try:
                events = logs.filter_log_events(logGroupName=group, startTime=quiet_since, limit=1)["events"]
            except logs.exceptions.ResourceNotFoundException:
                return
            if not events:
                return
            time.sleep(0.1)

    def _delete_stream_mappings(self) -> None:
        """Delete the stream mapping: a restarted emulator skips its records. The deployment adds another."""
        lambda_client = self._emulator.client("lambda")
        response = lambda_client.list_event_source_mappings(FunctionName=PUSH_FUNCTION)
        for mapping in response["EventSourceMappings"]:
            lambda_client.delete_event_source_mapping(UUID=mapping["UUID"])

    def _delete_logs(self) -> None:
        """Delete old logs: the emulator reads all of them for every request."""
        logs = self._emulator.client("logs")
        for group in logs.describe_log_groups(logGroupNamePrefix=LOG_GROUPS)["logGroups"]:
            logs.delete_log_group(logGroupName=group["logGroupName"])
