"""Translates UpdateItem and PutItem requests into PartiQL statements.

BatchExecuteStatement is DynamoDB's only batch with a condition for each item. The code writes each request
once, as UpdateItem or PutItem, so no condition exists twice. The translator accepts the expressions that this
service uses, and raises ValueError for others.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import BatchStatementRequestTypeDef

#: The condition of a new item, which INSERT implies.
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
    """The statement with the effect and the condition of `request`. An UPDATE returns the new row.

    Raises: ValueError for a request that cannot be translated.
    """
    if "Item" in request:
        if request["ConditionExpression"] != ABSENT:
            raise ValueError(f"no INSERT has the condition {request['ConditionExpression']}")
        item = request["Item"]
        return {"Statement": _insert(request["TableName"], tuple(item)), "Parameters": list(item.values())}
    text, values = _update(request["TableName"], request["UpdateExpression"], request["ConditionExpression"])
    parameters = {**request["ExpressionAttributeValues"], **{f":{k}": v for k, v in request["Key"].items()}}
    return {
        "Statement": text,
        "Parameters": [parameters[f":{name}"] for name in values],
    }


@lru_cache(maxsize=256)
def _insert(table: str, names: tuple[str, ...]) -> str:
    return f'INSERT INTO "{table}" VALUE {{{", ".join(f"{name!r}: ?" for name in names)}}}'


@lru_cache(maxsize=256)
def _update(table: str, update: str, condition: str) -> tuple[str, tuple[str, ...]]:
    """The text of the statement, and the names of its parameters in order."""
    clauses = [f"{verb} {each}" for verb, parts in _CLAUSE.findall(update) for each in parts.split(", ")]
    if not clauses:
        raise ValueError(f"cannot be translated into PartiQL: {update}")
    values: list[str] = []
    changes, where = (_translated(each, values) for each in (" ".join(clauses), condition))
    keys = "".join(f'"{name}" = ? AND ' for name in ("pk", "sk"))
    order = (*values[: changes.count("?")], "pk", "sk", *values[changes.count("?") :])
    return f'UPDATE "{table}" {changes} WHERE {keys}({where}) RETURNING ALL NEW *', order


def _translated(expression: str, values: list[str]) -> str:
    """The expression in PartiQL. Appends the names of its values to `values`, in order."""
    words, at = [], 0
    while at < len(expression):
        token = _TOKEN.match(expression, at)
        if token is None:
            raise ValueError(f"cannot be translated into PartiQL: {expression[at:]}")
        at = token.end()
        words.append(_word(token, values))
    return "".join(words)


def _word(token: re.Match[str], values: list[str]) -> str:
    word: str = token[token.lastgroup or ""]
    match token.lastgroup:
        case "missing":
            return f'"{word}" IS MISSING'
        case "there":
            return f'"{word}" IS NOT MISSING'
        case "options":
            options = word.split(", ")
            values += [name[1:] for name in options]
            return f"IN [{', '.join('?' for _ in options)}]"
        case "value":
            values.append(word)
            return "?"
        case "name":
            return f'"{word}"'
        case _:
            return word
