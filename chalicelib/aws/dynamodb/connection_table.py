"""The connections table: who is connected and what they watch.

A connection lies under its owner, so that one consistent query finds all watchers of an owner; a second
small item leads from the connection's id to the owner, for messages that carry only the id.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from chalicelib.aws.dynamodb.items import pages
from chalicelib.aws.dynamodb.task_row import Row, encode, moment_of
from chalicelib.domain.connection import Connection, Watch

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

#: API Gateway cuts a connection after two hours; ten minutes later its rows may go.
KEPT = timedelta(hours=2, minutes=10)
#: Why a ticket could not be spent: it was, or somebody else does so at this moment.
_SPENT = ("ConditionalCheckFailed", "TransactionConflict")


class ConnectionTable:
    """Connections by id and by owner."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    def add(self, connection: Connection, now: datetime, *, ticket_id: str | None = None) -> bool:
        """Remember a connection; with `ticket_id`, spend that ticket. False when it was spent before."""
        ttl = encode("ttl", now + KEPT)
        pointer: Row = {**_pointer_key(connection.id), "owner": {"S": connection.owner}, "ttl": ttl}
        item: Row = {
            **_key(connection.owner, connection.id),
            "watch": {"S": str(connection.watch)},
            "batch": {"BOOL": connection.batch},
            "restricted": {"BOOL": connection.restricted},
            "subject": {"S": connection.subject},
            "ttl": ttl,
        }
        if connection.until is not None:
            item["until"] = encode("expires_at", connection.until)
        if ticket_id is not None:
            return self._add_once(ticket_id, pointer, item)
        # The pointer first: whatever can be pushed to can also be found and removed.
        self._client.put_item(TableName=self._table, Item=pointer)
        # A connection's id is fresh: a refusal is our own first copy, which may have subscriptions by now.
        with suppress(self._client.exceptions.ConditionalCheckFailedException):
            self._client.put_item(
                TableName=self._table,
                Item=item,
                ConditionExpression="attribute_not_exists(pk)",  # guard: connect.only-if-absent
            )
        return True

    def _add_once(self, ticket_id: str, pointer: Row, item: Row) -> bool:
        spent: Row = {
            "pk": {"S": f"ticket#{ticket_id}"},
            "sk": {"S": "ticket"},
            "connection": item["sk"],
            "ttl": item["ttl"],
        }
        try:
            self._client.transact_write_items(
                TransactItems=[
                    {
                        "Put": {
                            "TableName": self._table,
                            "Item": spent,
                            # The SDK may send twice: the same connection is no second use.
                            "ConditionExpression": "attribute_not_exists(pk) OR #connection = :connection",
                            "ExpressionAttributeNames": {"#connection": "connection"},
                            "ExpressionAttributeValues": {":connection": item["sk"]},
                        }
                    },
                    {"Put": {"TableName": self._table, "Item": pointer}},
                    {"Put": {"TableName": self._table, "Item": item}},
                ],
            )
        except self._client.exceptions.TransactionCanceledException as canceled:
            reasons = canceled.response.get("CancellationReasons", [])
            if reasons and reasons[0].get("Code") in _SPENT:
                return False
            raise
        return True

    def count(self, owner: str, now: datetime, at_most: int) -> int:
        """How many connections the owner has, counted up to about `at_most`."""
        query = {**self._live(owner, now), "Select": "COUNT", "Limit": at_most}
        count = 0
        while True:
            answer = self._client.query(**query)
            count += answer["Count"]
            if count >= at_most or "LastEvaluatedKey" not in answer:
                return count
            query["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def get(self, connection_id: str) -> Connection | None:
        """The connection as it is now; None when it is not known (any more)."""
        owner = self._owner_of(connection_id)
        if owner is None:
            return None
        answer = self._client.get_item(
            TableName=self._table, Key=_key(owner, connection_id), ConsistentRead=True
        )
        return _connection(owner, answer["Item"]) if "Item" in answer else None

    def watchers(self, owner: str, now: datetime) -> list[Connection]:
        """Every connection of `owner`, read consistently from the table itself."""
        # guard: updates.watchers-consistent
        found = pages(self._client, **self._live(owner, now), ConsistentRead=True)
        return [_connection(owner, row) for rows in found for row in rows]

    def subscribe(self, connection: Connection, task_id: str) -> bool:
        """Add a task to what the connection watches; False when the connection is gone."""
        return self._update(connection, "ADD subscriptions :value", {":value": {"SS": [task_id]}})

    def unsubscribe(self, connection: Connection, task_id: str) -> bool:
        """Take a task from what the connection watches; False when the connection is gone."""
        return self._update(connection, "DELETE subscriptions :value", {":value": {"SS": [task_id]}})

    def set_failures(self, connection: Connection, failures: int) -> bool:
        """Note how many batches in a row could not be delivered; False when the connection is gone."""
        return self._update(connection, "SET failures = :value", {":value": {"N": str(failures)}})

    def remove(self, connection_id: str) -> None:
        """Forget a connection. Doing it twice changes nothing."""
        owner = self._owner_of(connection_id)
        if owner is None:
            return
        self._client.delete_item(TableName=self._table, Key=_key(owner, connection_id))
        self._client.delete_item(TableName=self._table, Key=_pointer_key(connection_id))

    def _live(self, owner: str, now: datetime) -> dict[str, Any]:
        """A query for the owner's connections; TTL removes late, so the dead ones are left out."""
        return {
            "TableName": self._table,
            "KeyConditionExpression": "pk = :owner",
            "FilterExpression": "#ttl > :now",
            "ExpressionAttributeNames": {"#ttl": "ttl"},
            "ExpressionAttributeValues": {":owner": _key(owner, "")["pk"], ":now": encode("ttl", now)},
        }

    def _owner_of(self, connection_id: str) -> str | None:
        answer = self._client.get_item(
            TableName=self._table, Key=_pointer_key(connection_id), ConsistentRead=True
        )
        return answer["Item"]["owner"]["S"] if "Item" in answer else None

    def _update(self, connection: Connection, expression: str, values: dict[str, Any]) -> bool:
        try:
            self._client.update_item(
                TableName=self._table,
                Key=_key(connection.owner, connection.id),
                UpdateExpression=expression,
                # A late update must not bring a removed connection back.
                ConditionExpression="attribute_exists(pk)",
                ExpressionAttributeValues=values,
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return False
        return True


def _key(owner: str, connection_id: str) -> Row:
    return {"pk": {"S": f"owner#{owner}"}, "sk": {"S": connection_id}}


def _pointer_key(connection_id: str) -> Row:
    return {"pk": {"S": f"connection#{connection_id}"}, "sk": {"S": "owner"}}


def _connection(owner: str, row: Mapping[str, Any]) -> Connection:
    return Connection(
        id=row["sk"]["S"],
        owner=owner,
        watch=Watch.parse(row["watch"]["S"]),
        subject=row.get("subject", {"S": ""})["S"],
        until=moment_of(row["until"]) if "until" in row else None,
        restricted=row.get("restricted", {"BOOL": False})["BOOL"],
        batch=row["batch"]["BOOL"],
        subscriptions=frozenset(row.get("subscriptions", {}).get("SS", ())),
        failures=int(row.get("failures", {"N": "0"})["N"]),
        known_since=moment_of(row["ttl"]) - KEPT,
    )
