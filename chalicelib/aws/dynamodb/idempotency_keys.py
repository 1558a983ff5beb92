"""Idempotency keys. One transaction stores a key and its task, or neither."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from chalicelib.aws.dynamodb.document_table import DocumentTable
from chalicelib.aws.dynamodb.items import Row, text, ttl
from chalicelib.aws.dynamodb.task_row import to_row
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.task import Task

if TYPE_CHECKING:
    from chalicelib.aws.sdk.protocols import DynamoDB

#: Keys expire after this.
KEPT = timedelta(hours=24)
#: Simultaneous posts of one key conflict; they retry with growing waits.
_TRIES = 8
_FIRST_WAIT_SECONDS = 0.02


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyUse:
    """The first use of a key."""

    task_id: str
    fingerprint: str  #: a hash of the body


class IdempotencyKeys:
    """The keys of all owners, in the tasks table."""

    def __init__(
        self,
        client: DynamoDB,
        table: str,
        documents: DocumentTable,
        wait: Callable[[float], None],
        draw: Callable[[], float],
    ) -> None:
        self._client = client
        self._table = table
        self._documents = documents
        self._wait = wait
        self._draw = draw

    def create(self, task: Task, key: str, fingerprint: str, now: datetime) -> KeyUse | None:
        """Store `task` under `key`. Returns the earlier use of the key, if any; then nothing is stored.

        Raises: Unavailable when too many posts of the key conflict.
        """
        if task.payload.stored_apart:
            self._documents.put_payload(task)
        for number in range(_TRIES):
            try:
                self._store(task, key, fingerprint, now)
            except self._client.exceptions.TransactionCanceledException as canceled:
                codes = [reason.get("Code") for reason in canceled.response.get("CancellationReasons", [])]
                if (
                    codes[:1] == ["ConditionalCheckFailed"]
                    and (used := self.find(task.owner, key, now)) is not None
                ):
                    return self._settle(task, used)
                # Another transaction holds the key. Its result is readable in a moment.
                self._wait(_FIRST_WAIT_SECONDS * 2**number * (0.5 + self._draw()))
            else:
                return None
        self._documents.delete(task)
        raise Unavailable("Too many requests with this Idempotency-Key at the same time: send it again.")

    def find(self, owner: str, key: str, now: datetime) -> KeyUse | None:
        """The use of the key in the last 24 hours; None when there is none."""
        answer = self._client.get_item(TableName=self._table, Key=_key_of(owner, key), ConsistentRead=True)
        item = answer.get("Item")
        if item is None or int(item["ttl"]["N"]) <= now.timestamp():
            return None
        return KeyUse(task_id=item["task_id"]["S"], fingerprint=item["fingerprint"]["S"])

    def _settle(self, task: Task, used: KeyUse) -> KeyUse | None:
        if used.task_id == task.id:
            return None  # our own first copy, whose response was lost
        self._documents.delete(task)
        return used

    def _store(self, task: Task, key: str, fingerprint: str, now: datetime) -> None:
        item = {
            **_key_of(task.owner, key),
            "task_id": text(task.id),
            "fingerprint": text(fingerprint),
            "ttl": ttl(now + KEPT),
        }
        self._client.transact_write_items(  # guard: idempotency-key.one-transaction
            ClientRequestToken=task.id,
            TransactItems=[
                {
                    "Put": {
                        "TableName": self._table,
                        "Item": item,
                        # TTL deletes late: an expired key counts as absent.
                        # guard: idempotency-key.one-transaction, idempotency-key.only-if-absent
                        "ConditionExpression": "attribute_not_exists(pk) OR #ttl <= :now",
                        "ExpressionAttributeNames": {"#ttl": "ttl"},
                        "ExpressionAttributeValues": {":now": ttl(now)},
                    }
                },
                {
                    "Put": {
                        "TableName": self._table,
                        "Item": to_row(task),
                        "ConditionExpression": "attribute_not_exists(pk)",
                    }
                },
            ],
        )


def _key_of(owner: str, key: str) -> Row:
    digest = hashlib.sha256(key.encode()).hexdigest()
    return {"pk": text(f"key#{owner}#{digest}"), "sk": text("key")}
