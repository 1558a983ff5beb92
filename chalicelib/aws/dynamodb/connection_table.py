"""The connections table: WebSocket connections and what they watch.

The partition of a connection is its owner, so one consistent query finds all watchers of an owner. A second,
small item maps the connection's id to the owner, for messages that carry only the id.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from chalicelib.aws.dynamodb.items import Row, moment, number, pages, read_moment, text, ttl
from chalicelib.domain.connection import Connection, Watch

if TYPE_CHECKING:
    from chalicelib.aws.sdk.protocols import DynamoDB

#: API Gateway closes a connection after two hours. Its rows are deleted ten minutes later.
KEPT = timedelta(hours=2, minutes=10)
#: The ticket was spent, or another connection spends it at this moment.
_SPENT = ("ConditionalCheckFailed", "TransactionConflict")


class ConnectionTable:
    """Connections by id and by owner."""

    def __init__(self, client: DynamoDB, table: str) -> None:
        self._client = client
        self._table = table

    def add(self, connection: Connection, now: datetime, *, ticket_id: str | None = None) -> bool:
        """Store a connection, and spend its ticket if it has one. False when the ticket was spent before."""
        expires = ttl(now + KEPT)
        pointer: Row = {**_pointer_key(connection.id), "owner": text(connection.owner), "ttl": expires}
        item: Row = {
            **_key(connection.owner, connection.id),
            "watch": text(str(connection.watch)),
            "batch": {"BOOL": connection.batch},
            "restricted": {"BOOL": connection.restricted},
            "subject": text(connection.subject),
            "ttl": expires,
        }
        if connection.until is not None:
            item["until"] = moment(connection.until)
        if ticket_id is not None:
            return self._add_once(ticket_id, pointer, item)
        # The pointer first: a connection that receives frames can also be found by its id and removed.
        self._client.put_item(TableName=self._table, Item=pointer)
        # The id is fresh, so a refusal is our own first copy, which may have subscriptions by now.
        with suppress(self._client.exceptions.ConditionalCheckFailedException):
            self._client.put_item(
                TableName=self._table,
                Item=item,
                ConditionExpression="attribute_not_exists(pk)",  # guard: connect.only-if-absent
            )
        return True

    def _add_once(self, ticket_id: str, pointer: Row, item: Row) -> bool:
        spent: Row = {
            "pk": text(f"ticket#{ticket_id}"),
            "sk": text("ticket"),
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
                            # The SDK may send the request twice: the same connection is no second use.
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
        """The number of the owner's connections, counted up to about `at_most`."""
        query = {**self._live(owner, now), "Select": "COUNT", "Limit": at_most}
        count = 0
        while True:
            answer = self._client.query(**query)
            count += answer["Count"]
            if count >= at_most or "LastEvaluatedKey" not in answer:
                return count
            query["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def get(self, connection_id: str) -> Connection | None:
        """The current connection, or None."""
        owner = self._owner_of(connection_id)
        if owner is None:
            return None
        answer = self._client.get_item(
            TableName=self._table, Key=_key(owner, connection_id), ConsistentRead=True
        )
        return _connection(owner, answer["Item"]) if "Item" in answer else None

    def watchers(self, owner: str, now: datetime) -> list[Connection]:
        """All connections of `owner`, read consistently."""
        # guard: updates.watchers-consistent
        found = pages(self._client, **self._live(owner, now), ConsistentRead=True)
        return [_connection(owner, row) for rows in found for row in rows]

    def subscribe(self, connection: Connection, task_id: str) -> bool:
        """Subscribe the connection to a task. False when the connection is gone."""
        return self._update(connection, "ADD subscriptions :value", {":value": {"SS": [task_id]}})

    def unsubscribe(self, connection: Connection, task_id: str) -> bool:
        """Unsubscribe the connection from a task. False when the connection is gone."""
        return self._update(connection, "DELETE subscriptions :value", {":value": {"SS": [task_id]}})

    def set_failures(self, connection: Connection, failures: int) -> bool:
        """Store the number of failed batches in a row. False when the connection is gone."""
        return self._update(connection, "SET failures = :value", {":value": number(failures)})

    def remove(self, connection_id: str) -> None:
        """Delete a connection. Deleting it twice changes nothing."""
        owner = self._owner_of(connection_id)
        if owner is None:
            return
        self._client.delete_item(TableName=self._table, Key=_key(owner, connection_id))
        self._client.delete_item(TableName=self._table, Key=_pointer_key(connection_id))

    def _live(self, owner: str, now: datetime) -> dict[str, Any]:
        """A query for the owner's connections. TTL deletes late, so expired ones are filtered out."""
        return {
            "TableName": self._table,
            "KeyConditionExpression": "pk = :owner",
            "FilterExpression": "#ttl > :now",
            "ExpressionAttributeNames": {"#ttl": "ttl"},
            "ExpressionAttributeValues": {":owner": _key(owner, "")["pk"], ":now": ttl(now)},
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
    return {"pk": text(f"owner#{owner}"), "sk": text(connection_id)}


def _pointer_key(connection_id: str) -> Row:
    return {"pk": text(f"connection#{connection_id}"), "sk": text("owner")}


def _connection(owner: str, row: Mapping[str, Any]) -> Connection:
    return Connection(
        id=row["sk"]["S"],
        owner=owner,
        watch=Watch.parse(row["watch"]["S"]),
        subject=row.get("subject", text(""))["S"],
        until=read_moment(row["until"]) if "until" in row else None,
        restricted=row.get("restricted", {"BOOL": False})["BOOL"],
        batch=row["batch"]["BOOL"],
        subscriptions=frozenset(row.get("subscriptions", {}).get("SS", ())),
        failures=int(row.get("failures", number(0))["N"]),
        known_since=read_moment(row["ttl"]) - KEPT,
    )
