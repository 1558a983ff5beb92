"""Queue messages. A message names a row and wakes a worker; the row decides."""

from __future__ import annotations

import json
from dataclasses import dataclass

from chalicelib.domain.caller import is_owner
from chalicelib.domain.ids import is_correlation_id, is_task_id


class UnrecognizedMessage(Exception):
    """The body is not a message of this service."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskMessage:
    """The body of a queue message."""

    owner: str
    task_id: str
    lease: int  #: the row's lease at sending; only the dead letter monitor compares it
    correlation_id: str | None = None  #: the task's, for logs before its row is read

    @classmethod
    def parse(cls, body: str) -> TaskMessage:
        """The message in `body`. Raises: UnrecognizedMessage."""
        try:
            data = json.loads(body)
        except (ValueError, RecursionError):
            raise UnrecognizedMessage("the body is not JSON") from None
        if not isinstance(data, dict):
            raise UnrecognizedMessage("the body is not a JSON object")
        owner, task_id, lease = data.get("owner"), data.get("id"), data.get("lease")
        if not (
            isinstance(owner, str) and is_owner(owner) and isinstance(task_id, str) and is_task_id(task_id)
        ):
            raise UnrecognizedMessage("the body names no task")
        if not isinstance(lease, int) or isinstance(lease, bool):
            raise UnrecognizedMessage("the body has no lease number")
        correlation_id = data.get("correlation_id")
        return cls(
            owner=owner,
            task_id=task_id,
            lease=lease,
            correlation_id=correlation_id if is_correlation_id(correlation_id) else None,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class QueueMessage:
    """A message that a lane's queue delivered."""

    message_id: str
    receipt_handle: str
    body: str
