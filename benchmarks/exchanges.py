"""The requests of the service to AWS, recorded twice: by its clients and by a proxy.

Both record each request with its response. `tally` counts requests by operation, and capacity by table from
DynamoDB's responses. A count is valid when both agree.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qs

_KILOBYTE: Final = 1024
#: The key of the tasks' index.
_INDEX: Final = ("due_bucket", "due_at")
_FIELD: Final = re.compile(r"'(\w+)': \?")
_READS: Final = frozenset({"GetItem", "BatchGetItem", "Query", "Scan", "TransactGetItems"})


Item = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request that reached AWS, and its response."""

    operation: str
    request: bytes  #: bodies
    response: bytes


@dataclass(frozen=True, slots=True)
class Tally:
    """The sum of exchanges.

    Reads are counted by the rows that they examine: the emulator does not bill them by size, as AWS does.
    """

    requests: Counter[str] = field(default_factory=Counter)  #: by operation
    #: Write units by table, its indexes included.
    writes: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    examined: Counter[str] = field(default_factory=Counter)  #: rows by operation


def tally(exchanges: Iterable[Exchange]) -> Tally:
    """The sum. A receive without messages belongs to no task and is left out."""
    total = Tally()
    for exchange in exchanges:
        response = _json(exchange.response)
        if exchange.operation == "ReceiveMessage" and not response.get("Messages"):
            continue
        total.requests[exchange.operation] += 1
        if exchange.operation in _READS:
            total.examined[exchange.operation] += _examined(response)
        else:
            for table, units in _written(_json(exchange.request), response):
                total.writes[table] += units
    return total


def read_units(exchange: Exchange) -> float:
    """The read units of an exchange, from DynamoDB's response."""
    if exchange.operation not in _READS:
        return 0.0
    consumed = _json(exchange.response).get("ConsumedCapacity", [])
    return sum(
        float(each["CapacityUnits"]) for each in (consumed if isinstance(consumed, list) else [consumed])
    )


def operation_of(path: str, headers: Mapping[str, str], body: bytes) -> str:
    """The operation of a raw request, in any of AWS's protocols."""
    target = headers.get("x-amz-target", "")
    if target:
        return target.rpartition(".")[2]
    if "/@connections/" in path:
        return "PostToConnection"
    return parse_qs(body.decode()).get("Action", ["unknown"])[0]


def item_size(item: Item) -> int:
    """The billed size of an item: the bytes of its names and values."""
    return sum(len(name.encode()) + _size(value) for name, value in item.items())


def _examined(response: Mapping[str, Any]) -> int:
    if "ScannedCount" in response:
        return int(response["ScannedCount"])
    return sum(map(len, response.get("Responses", {}).values())) or 1


def _written(request: Mapping[str, Any], response: Mapping[str, Any]) -> list[tuple[str, float]]:
    """Write units by table. A failed condition is billed by the size of the item it was checked on."""
    if "Statements" in request:
        return list(map(_of_statement, request["Statements"], response.get("Responses", [])))
    consumed = response.get("ConsumedCapacity", [])
    if consumed:
        entries = consumed if isinstance(consumed, list) else [consumed]
        return [(entry["TableName"], entry["CapacityUnits"]) for entry in entries]
    error = str(response.get("__type", "")).rpartition("#")[2]
    if error == "ConditionalCheckFailedException":
        return [(request["TableName"], _units(item_size(response.get("Item") or request.get("Item", {}))))]
    if error == "TransactionCanceledException":
        parts = [part for each in request["TransactItems"] for part in each.values()]
        return [(part["TableName"], 2 * _units(item_size(part.get("Item", {})))) for part in parts]
    return []


def write_units(before: Item, after: Item, *, index: Iterable[str] = _INDEX) -> int:
    """The write units of a write that turns `before` into `after`, in a table with one KEYS_ONLY index.

    The bigger of the two is billed, by the kilobyte. A changed index key is billed twice: for the removal of
    the old entry and for the new one.
    """
    keys = [tuple(json.dumps(item.get(name)) for name in index) for item in (before, after)]
    listed = [all(name in item for name in index) for item in (before, after)]
    indexed = sum(listed) if keys[0] != keys[1] else 0
    return _units(max(item_size(before), item_size(after))) + indexed


def _of_statement(statement: Mapping[str, Any], response: Mapping[str, Any]) -> tuple[str, float]:
    """(table, write units) of a statement, by the documented rule: the emulator counts each as one.

    Of the item before an UPDATE, only the change of its index key is known. That is enough for its size: an
    outcome is written as a whole, and no claim makes an item smaller.
    """
    text, error = statement["Statement"], response.get("Error", {})
    table = text.split('"')[1]
    if error:
        return table, _units(item_size(error.get("Item", {})))
    if text.startswith("INSERT"):
        names = _FIELD.findall(text)
        return table, write_units({}, dict(zip(names, statement["Parameters"], strict=True)))
    after = response["Item"]
    moved = {
        name: {"S": "another"} for name in _INDEX if f'SET "{name}"' in text or f'REMOVE "{name}"' in text
    }
    before = {**{name: after.get(name, {"S": "there"}) for name in _INDEX}, **moved} if moved else after
    return table, write_units(before, after)


def _units(size: int) -> int:
    return max(1, -(-size // _KILOBYTE))


def _size(value: Mapping[str, Any]) -> int:
    ((kind, content),) = value.items()
    match kind:
        case "S" | "B":
            return len(content.encode())
        case "N":
            return len(content.lstrip("-").replace(".", "").strip("0")) // 2 + 2
        case "L":
            return 3 + sum(1 + _size(each) for each in content)
        case "M":
            return 3 + sum(1 + len(name.encode()) + _size(each) for name, each in content.items())
        case "SS":
            return sum(len(each.encode()) for each in content)
        case _:
            return 1


def _json(text: bytes) -> dict[str, Any]:
    """The JSON object in `text`; an empty one for XML, frames and other bodies."""
    if not text.startswith(b"{"):
        return {}
    value: dict[str, Any] = json.loads(text)
    return value
