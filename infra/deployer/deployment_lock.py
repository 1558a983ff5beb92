"""The lock of a stage: one process deploys it at a time, on any machine.

A row in the stage's table names the holder, which updates a heartbeat in it every two seconds. A stale
heartbeat frees the lock: it is that of a killed process. Clocks are not compared. Within one checkout nobody
waits for a stale heartbeat, because the lock on a file ends with its process.
"""

from __future__ import annotations

import _thread
import atexit
import fcntl
import os
import platform
import secrets
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from infra import APP_NAME
from infra.errors import BadInput

# Other versions of this program read and write the same row: its key and its attributes keep their names.
_KEY: Final = {"pk": {"S": "deployment"}, "sk": {"S": "turn"}}


def lock_stage(dynamodb: Any, stage: str, project: Path) -> None:
    """Lock the stage until this process ends. A stage without tables is not locked: it has no data.

    Raises: BadInput when another process holds the lock.
    """
    lock = DeploymentLock(dynamodb=dynamodb, stage=stage)
    previous_token = lock_checkout(project / ".chalice" / "deployments" / f"{stage}.lock", lock)
    try:
        lock.acquire(previous_token)
    except dynamodb.exceptions.ResourceNotFoundException:
        return
    atexit.register(lock.release)
    threading.Thread(target=lock.keep_alive, args=[_thread.interrupt_main], daemon=True).start()


@dataclass(frozen=True, kw_only=True)
class DeploymentLock:
    """The lock of a stage as one process holds it."""

    dynamodb: Any
    stage: str
    heartbeat: timedelta = timedelta(seconds=2)
    stale_after: timedelta = timedelta(seconds=15)  #: the holder of an older heartbeat was killed
    token: str = field(default_factory=lambda: secrets.token_hex(8))

    @property
    def _table(self) -> str:
        return f"{APP_NAME}-{self.stage}-connections"

    def acquire(self, previous_token: str = "") -> None:
        """Write the row unless another process holds the lock.

        A row with `previous_token` is replaced at once, one of another process when its heartbeat is stale.
        Raises: BadInput when another process holds the lock.
        """
        current = self._put(instead_of=previous_token)
        if current is None:
            return
        if self._is_stale(current) and self._put(instead_of=current["token"]["S"]) is None:
            return
        holder = current["who"]["S"]
        raise BadInput(f"The stage {self.stage} is being changed {holder}: wait until that has ended.")

    def keep_alive(self, on_lost: Callable[[], None]) -> None:
        """Update the heartbeat until another process has taken the lock, then call `on_lost`."""
        while True:
            time.sleep(self.heartbeat.total_seconds())
            with suppress(BotoCoreError, ClientError):  # the next heartbeat may succeed
                if not self._update_heartbeat():
                    on_lost()
                    return

    def release(self) -> None:
        """Delete the row. If this fails, the next process waits until the heartbeat is stale."""
        with suppress(BotoCoreError, ClientError):
            self.dynamodb.delete_item(TableName=self._table, Key=_KEY, **_if_token_is(self.token))

    def _put(self, *, instead_of: str) -> dict[str, Any] | None:
        """Write the row if there is none, or one with this token; return another process's row, or None."""
        holder = f"by process {os.getpid()} on {platform.node()} since {datetime.now(UTC):%H:%M:%S} UTC"
        row = {
            **_KEY,
            "token": {"S": self.token},
            "who": {"S": holder},
            "beats": {"N": "0"},
            "ttl": {"N": str(int(time.time()) + 86_400)},
        }
        condition = _if_token_is(instead_of)
        condition["ConditionExpression"] += " OR attribute_not_exists(pk)"
        try:
            self.dynamodb.put_item(
                TableName=self._table, Item=row, ReturnValuesOnConditionCheckFailure="ALL_OLD", **condition
            )
        except self.dynamodb.exceptions.ConditionalCheckFailedException as error:
            current: dict[str, Any] = error.response["Item"]
            return current
        return None

    def _is_stale(self, row: dict[str, Any]) -> bool:
        """Watch the row for `stale_after`; return True when its heartbeat stood still, or it was deleted."""
        deadline = time.monotonic() + self.stale_after.total_seconds()
        while time.monotonic() < deadline:
            time.sleep(self.heartbeat.total_seconds() / 2)
            current = self.dynamodb.get_item(TableName=self._table, Key=_KEY, ConsistentRead=True).get("Item")
            if current != row:
                return current is None
        return True

    def _update_heartbeat(self) -> bool:
        """Update the heartbeat; return False when the row is deleted or another process's."""
        condition = _if_token_is(self.token)
        condition["ExpressionAttributeValues"][":one"] = {"N": "1"}
        try:
            self.dynamodb.update_item(
                TableName=self._table, Key=_KEY, UpdateExpression="ADD beats :one", **condition
            )
        except self.dynamodb.exceptions.ConditionalCheckFailedException:
            return False
        return True


def _if_token_is(token: str) -> dict[str, Any]:
    return {
        "ConditionExpression": "#token = :token",
        "ExpressionAttributeNames": {"#token": "token"},
        "ExpressionAttributeValues": {":token": {"S": token or "no token"}},
    }


def lock_checkout(file: Path, lock: DeploymentLock) -> str:
    """Lock a file of the checkout until this process ends, and store the lock's token in it.

    Returns the token of the previous holder. Raises: BadInput while another process holds the file.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    content = file.open("a+")
    try:
        fcntl.flock(content, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        content.close()
        raise BadInput(f"Another process changes the stage {lock.stage} from this checkout.") from None
    atexit.register(content.close)  # closing it earlier would unlock it
    content.seek(0)
    previous_token = content.read()
    content.truncate(0)
    content.write(lock.token)
    content.flush()
    return previous_token
