"""BatchExecuteStatement on an AWS that does not have it right: each statement as the plain request it stands for.

moto checks no condition of a statement. Here an UPDATE becomes an UpdateItem with the same changes and the
same condition, an INSERT a PutItem of a new item. tests/e2e/test_partiql.py holds this against an AWS that
reads PartiQL itself. What is not understood fails loudly.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

#: (operation, what it is asked) → (status, what it answers)
AnswerOne = Callable[[str, dict[str, Any]], tuple[int, dict[str, Any]]]

OPERATION = "BatchExecuteStatement"
_INSERT = re.compile(r'INSERT INTO "([^"]+)" VALUE \{(.*)\}')
_FIELD = re.compile(r"'(\w+)': \?")
_UPDATE = re.compile(
    r'UPDATE "(?P<table>[^"]+)" (?P<changes>(?:SET|REMOVE) .+) WHERE "pk" = \? AND "sk" = \?'
    r" AND \((?P<condition>.+)\) RETURNING ALL NEW \*"
)
_CHANGE = re.compile(r"(SET|REMOVE) (.+?)(?= SET | REMOVE |$)")
_TOKEN = re.compile(
    r'"(?P<missing>\w+)" IS MISSING|"(?P<there>\w+)" IS NOT MISSING|IN \[(?P<options>\?(?:, \?)*)\]'
    r'|(?P<value>\?)|"(?P<name>\w+)"|(?P<sign>(?:AND|OR|NOT)\b|<>|<=|>=|[=<>+() ])'
)


def answer_batch(asked: Mapping[str, Any], answer_one: AnswerOne) -> dict[str, Any]:
    """The answer to a batch of statements. Raises: NotImplementedError for what the service does not say."""
    statements = asked["Statements"]
    if not 1 <= len(statements) <= 25:
        raise NotImplementedError(f"a batch of {len(statements)} statements")
    return {"Responses": [_answer(each, answer_one) for each in statements]}


def plain(statement: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The operation and the request that a statement stands for."""
    text, parameters = statement["Statement"], statement.get("Parameters", [])
    if insert := _INSERT.fullmatch(text):
        names = _FIELD.findall(insert[2])
        if ", ".join(f"'{name}': ?" for name in names) != insert[2] or len(names) != len(parameters):
            raise NotImplementedError(text)
        item = dict(zip(names, parameters, strict=True))
        return "PutItem", {
            "TableName": insert[1],
            "Item": item,
            "ConditionExpression": "attribute_not_exists(pk)",
        }
    update = _UPDATE.fullmatch(text)
    if update is None:
        raise NotImplementedError(text)
    return "UpdateItem", _update(update, parameters, statement)


def _update(update: re.Match[str], parameters: list[Any], statement: Mapping[str, Any]) -> dict[str, Any]:
    values, names = list(parameters), set[str]()
    given: dict[str, Any] = {}

    def said(token: re.Match[str]) -> str:
        match token.lastgroup:
            case "missing" | "there":
                names.add(token[token.lastgroup])
                function = "attribute_not_exists" if token.lastgroup == "missing" else "attribute_exists"
                return f"{function}(#{token[token.lastgroup]})"
            case "options":
                return f"IN ({', '.join(parameter() for _ in token['options'].split(', '))})"
            case "value":
                return parameter()
            case "name":
                names.add(token["name"])
                return f"#{token['name']}"
            case _:
                return token[0]

    def parameter() -> str:
        name = f":v{len(given)}"
        given[name] = values.pop(0)
        return name

    def translated(text: str) -> str:
        found = list(_TOKEN.finditer(text))
        if "".join(token[0] for token in found) != text:
            raise NotImplementedError(text)
        return "".join(map(said, found))

    changes = [(verb, translated(what)) for verb, what in _CHANGE.findall(update["changes"])]
    key = {"pk": values.pop(0), "sk": values.pop(0)}
    condition = translated(update["condition"])
    if values:
        raise NotImplementedError(f"{len(values)} parameters too many: {statement['Statement']}")
    clauses = {verb: [what for each, what in changes if each == verb] for verb in ("SET", "REMOVE")}
    return {
        "TableName": update["table"],
        "Key": key,
        "UpdateExpression": " ".join(f"{verb} {', '.join(what)}" for verb, what in clauses.items() if what),
        # An UPDATE of what is not there is refused: it makes no item.
        "ConditionExpression": f"attribute_exists(#pk) AND ({condition})",
        "ExpressionAttributeNames": {f"#{name}": name for name in {*names, "pk"}},
        "ExpressionAttributeValues": given,
        "ReturnValues": "ALL_NEW",
        "ReturnValuesOnConditionCheckFailure": statement.get("ReturnValuesOnConditionCheckFailure", "NONE"),
    }


def _answer(statement: Mapping[str, Any], answer_one: AnswerOne) -> dict[str, Any]:
    operation, request = plain(statement)
    status, answer = answer_one(operation, request)
    table = request["TableName"]
    if status == 200:
        row = answer.get("Attributes")
        return {"TableName": table, **({"Item": row} if row else {})}
    code = str(answer["__type"]).rpartition("#")[2].removesuffix("Exception")
    if code == "ConditionalCheckFailed" and operation == "PutItem":
        code = "DuplicateItem"
    error: dict[str, Any] = {"Code": code, "Message": answer.get("message", answer.get("Message", ""))}
    if code == "ConditionalCheckFailed" and answer.get("Item"):
        error["Item"] = answer["Item"]
    return {"TableName": table, "Error": error}


def answering(process: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """`process`, which answers a request of botocore by (status, headers, text), with these batches."""

    def processed(request: Any) -> Any:
        target = request.headers.get("X-Amz-Target", b"")
        name = target.decode() if isinstance(target, bytes) else target
        service, _, operation = name.rpartition(".")
        if operation != OPERATION:
            return process(request)
        headers: dict[str, str] = {}

        def answer_one(plain_operation: str, asked: dict[str, Any]) -> tuple[int, dict[str, Any]]:
            one = request.copy()
            one.headers["X-Amz-Target"] = f"{service}.{plain_operation}"
            one.body = json.dumps(asked).encode()
            status, answered, text = process(one)
            headers.update(answered)
            return status, json.loads(text)

        body = json.dumps(answer_batch(json.loads(request.body), answer_one))
        return 200, {**headers, "content-length": str(len(body))}, body

    return processed
