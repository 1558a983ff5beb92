"""Requests of UpdateItem and PutItem, said in PartiQL: no other batch has a condition for each item.

A write is worded once, as its request; its statement is made of that, so that no condition exists twice. An
expression may say what the writes of this service need, and nothing else: ValueError tells the rest.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import BatchStatementRequestTypeDef

#: The condition under which a new item is put, which INSERT has by itself.
ABSENT = "attribute_not_exists(pk)"

_CLAUSE = re.compile(r"(SET|REMOVE) (.+?)(?= REMOVE |$)")
_TOKEN = re.compile(
    r"""
      attribute_not_exists\(\#?(?P<missing>\w+)\)
    | attribute_exists\(\#?(?P<there>\w+)\)
    | IN\ \((?P<options>:\w+(?:,\ :\w+)*)\)
    | :(?P<value>\w+)
    | (?P<keyword>(?:AND|OR|NOT|SET|REMOVE)\b)
    | \#?(?P<name>[a-z]\w*)(?![\w(])
    | (?P<sign><>|<=|>=|[=<>+() ])
    """,
    re.VERBOSE,
)


def statement(request: Mapping[str, Any]) -> BatchStatementRequestTypeDef:
    """The statement that writes what `request` does, under its condition.

    An UPDATE answers the row as it is then. Raises: ValueError when PartiQL has no such write, or this
    module does not know its words.
    """
    if "Item" in request:
        if request["ConditionExpression"] != ABSENT:
            raise ValueError(f"no INSERT has the condition {request['ConditionExpression']}")
        item = request["Item"]
        return {"Statement": _insert(request["TableName"], tuple(item)), "Parameters": list(item.values())}
    text, values = _update(request["TableName"], request["UpdateExpression"], request["ConditionExpression"])
    given = {**request["ExpressionAttributeValues"], **{f":{k}": v for k, v in request["Key"].items()}}
    return {
        "Statement": text,
        "Parameters": [given[f":{name}"] for name in values],
    }


@lru_cache(maxsize=256)
def _insert(table: str, names: tuple[str, ...]) -> str:
    return f'INSERT INTO "{table}" VALUE {{{", ".join(f"{name!r}: ?" for name in names)}}}'


@lru_cache(maxsize=256)
def _update(table: str, update: str, condition: str) -> tuple[str, tuple[str, ...]]:
    """The statement's text, and the names of its parameters in order."""
    clauses = [f"{verb} {each}" for verb, parts in _CLAUSE.findall(update) for each in parts.split(", ")]
    if not clauses:
        raise ValueError(f"not known in PartiQL: {update}")
    values: list[str] = []
    changes, where = (_said(each, values) for each in (" ".join(clauses), condition))
    keys = "".join(f'"{name}" = ? AND ' for name in ("pk", "sk"))
    order = (*values[: changes.count("?")], "pk", "sk", *values[changes.count("?") :])
    return f'UPDATE "{table}" {changes} WHERE {keys}({where}) RETURNING ALL NEW *', order


def _said(expression: str, values: list[str]) -> str:
    """An expression in PartiQL; the names of its values are added to `values`, in order."""
    said, at = [], 0
    while at < len(expression):
        token = _TOKEN.match(expression, at)
        if token is None:
            raise ValueError(f"not known in PartiQL: {expression[at:]}")
        at = token.end()
        said.append(_word(token, values))
    return "".join(said)


def _word(token: re.Match[str], values: list[str]) -> str:
    found: str = token[token.lastgroup or ""]
    match token.lastgroup:
        case "missing":
            return f'"{found}" IS MISSING'
        case "there":
            return f'"{found}" IS NOT MISSING'
        case "options":
            options = found.split(", ")
            values += [name[1:] for name in options]
            return f"IN [{', '.join('?' for _ in options)}]"
        case "value":
            values.append(found)
            return "?"
        case "name":
            return f'"{found}"'
        case _:
            return found
