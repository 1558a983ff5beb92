"""One at a time: while a stage is being deployed, whoever else would change it is refused, on any machine.

A row of the stage says who deploys, and is counted up every other second while that process lives. The row of
one that was killed stands still: who comes next sees that, and goes on. Clocks are not compared. In the same
checkout there is nothing to wait for: a lock on a file ends with its process.
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
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from infra import APP_NAME
from infra.errors import BadInput

_KEY: Final = {"pk": {"S": "deployment"}, "sk": {"S": "turn"}}


def take(dynamodb: Any, stage: str, project: Path) -> None:
    """Keep the stage to this process until it ends. A stage without tables has nothing to be kept.

    Raises: BadInput when another process has it.
    """
    turn = Turn(dynamodb=dynamodb, stage=stage)
    before = lock(project / ".chalice" / "deployments" / f"{stage}.lock", turn)
    try:
        turn.begin(before)
    except dynamodb.exceptions.ResourceNotFoundException:
        return
    atexit.register(turn.end)
    threading.Thread(target=turn.keep, args=[_thread.interrupt_main], daemon=True).start()


@dataclass(frozen=True, kw_only=True)
class Turn:
    """One process's hold of a stage: the row, and what keeps it alive."""

    dynamodb: Any
    stage: str
    beat_seconds: float = 2.0
    still_seconds: float = 15.0  #: a row that stands still for so long is that of a process which is no more
    token: str = field(default_factory=lambda: secrets.token_hex(8))

    @property
    def _table(self) -> str:
        return f"{APP_NAME}-{self.stage}-connections"

    def begin(self, before: str = "") -> None:
        """Put the row in place of none, of `before`'s, or of one that stands still. Raises: BadInput."""
        first = self._put(instead_of=before)
        if first is None:
            return
        if self._stands_still(first) and self._put(instead_of=first["token"]["S"]) is None:
            return
        who = first["who"]["S"]
        raise BadInput(f"The stage {self.stage} is being changed right now, {who}: wait for its end.")

    def keep(self, lost: Callable[[], None]) -> None:
        """Count up until another has taken the stage over, and call `lost` then."""
        while True:
            time.sleep(self.beat_seconds)
            with suppress(BotoCoreError, ClientError):  # the next one will do
                if not self._beat():
                    lost()
                    return

    def end(self) -> None:
        """Leave the stage to whoever comes next. When this fails, they wait until the row stands still."""
        with suppress(BotoCoreError, ClientError):
            self.dynamodb.delete_item(TableName=self._table, Key=_KEY, **_if_token_is(self.token))

    def _put(self, *, instead_of: str) -> dict[str, Any] | None:
        """None when it is put, else the row that another has there."""
        who = f"by process {os.getpid()} on {platform.node()} since {datetime.now(UTC):%H:%M:%S} UTC"
        row = {
            **_KEY,
            "token": {"S": self.token},
            "who": {"S": who},
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
            found: dict[str, Any] = error.response["Item"]
            return found
        return None

    def _stands_still(self, row: dict[str, Any]) -> bool:
        """Nobody counts it up any more, or it is gone."""
        deadline = time.monotonic() + self.still_seconds
        while time.monotonic() < deadline:
            time.sleep(self.beat_seconds / 2)
            found = self.dynamodb.get_item(TableName=self._table, Key=_KEY, ConsistentRead=True).get("Item")
            if found != row:
                return found is None
        return True

    def _beat(self) -> bool:
        """False when the row is another's, or gone."""
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
        "ExpressionAttributeValues": {":token": {"S": token or "nobody's"}},
    }


def lock(file: Path, turn: Turn) -> str:
    """Lock a checkout's file until this process ends, and write the turn's token into it.

    Returns the token of whoever had it before. Raises: BadInput while somebody has it.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    content = file.open("a+")
    try:
        fcntl.flock(content, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        content.close()
        raise BadInput(f"The stage {turn.stage} is being changed from this checkout right now.") from None
    atexit.register(content.close)  # it is open until then
    content.seek(0)
    before = content.read()
    content.truncate(0)
    content.write(turn.token)
    content.flush()
    return before
