"""Answers BatchExecuteStatement in the place of moto, which checks no condition of a statement.

An UPDATE becomes an UpdateItem with the same changes and the same condition, an INSERT a PutItem of a new
item. tests/e2e/test_partiql.py compares this with an emulator that parses PartiQL. An unknown statement
raises NotImplementedError.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from chalicelib.aws.sdk.transport import Request, Response

#: (operation, parameters) → (status, response)
AnswerOne = Callable[[str, dict[str, Any]], tuple[int, dict[str, Any]]]

OPERATION = "BatchExecuteStatement"
#: A header of the statements that a test lets fail: error codes by index.
FAILING = "x-failing-statements"
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


def answer_batch(batch: Mapping[str, Any], answer_one: AnswerOne) -> dict[str, Any]:
    """The response to a batch. Raises: NotImplementedError for statements that the service does not use."""
    statements = batch["Statements"]
    if not 1 <= len(statements) <= 25:
        raise NotImplementedError(f"a batch of {len(statements)} statements")
    return {"Responses": [_answer(each, answer_one) for each in statements]}


def with_failures(
    batch: dict[str, Any], codes: Mapping[int, str], answer: Callable[[dict[str, Any]], dict[str, Any]]
) -> dict[str, Any]:
    """The response to a batch whose statements at `codes` fail; `answer` executes the others."""
    left = [each for index, each in enumerate(batch["Statements"]) if index not in codes]
    done = iter(answer({**batch, "Statements": left})["Responses"] if left else [])
    return {
        "Responses": [
            {"Error": {"Code": codes[index], "Message": "played"}} if index in codes else next(done)
            for index in range(len(batch["Statements"]))
        ]
    }


def plain(statement: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The operation and the request with the effect of a statement."""
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
    return "UpdateItem", _Update(text, parameters, statement).request()


class _Update:
    """Translates an UPDATE into an UpdateItem."""

    def __init__(self, text: str, parameters: list[Any], statement: Mapping[str, Any]) -> None:
        found = _UPDATE.fullmatch(text)
        if found is None:
            raise NotImplementedError(text)
        self._found = found
        self._statement = statement
        self._left = list(parameters)
        self._names = {"pk"}
        self._values: dict[str, Any] = {}

    def request(self) -> dict[str, Any]:
        """The request of the UpdateItem."""
        changes = [(verb, self._translated(part)) for verb, part in _CHANGE.findall(self._found["changes"])]
        key = {"pk": self._left.pop(0), "sk": self._left.pop(0)}
        condition = self._translated(self._found["condition"])
        if self._left:
            raise NotImplementedError(f"too many parameters: {self._statement}")
        clauses = {verb: [part for each, part in changes if each == verb] for verb in ("SET", "REMOVE")}
        return {
            "TableName": self._found["table"],
            "Key": key,
            "UpdateExpression": " ".join(
                f"{verb} {', '.join(part)}" for verb, part in clauses.items() if part
            ),
            # An UPDATE creates no item: without one, its condition fails.
            "ConditionExpression": f"attribute_exists(#pk) AND ({condition})",
            "ExpressionAttributeNames": {f"#{name}": name for name in self._names},
            "ExpressionAttributeValues": self._values,
            "ReturnValues": "ALL_NEW",
            "ReturnValuesOnConditionCheckFailure": self._statement.get(
                "ReturnValuesOnConditionCheckFailure", "NONE"
            ),
        }

    def _translated(self, text: str) -> str:
        found = list(_TOKEN.finditer(text))
        if "".join(token[0] for token in found) != text:
            raise NotImplementedError(text)
        return "".join(map(self._word, found))

    def _word(self, token: re.Match[str]) -> str:
        match token.lastgroup:
            case "missing":
                return f"attribute_not_exists({self._name(token['missing'])})"
            case "there":
                return f"attribute_exists({self._name(token['there'])})"
            case "options":
                return f"IN ({', '.join(self._value() for _ in token['options'].split(', '))})"
            case "value":
                return self._value()
            case "name":
                return self._name(token["name"])
            case _:
                return token[0]

    def _name(self, name: str) -> str:
        self._names.add(name)
        return f"#{name}"

    def _value(self) -> str:
        name = f":v{len(self._values)}"
        self._values[name] = self._left.pop(0)
        return name


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


def failing(request: Request, codes: Mapping[int, str]) -> Request:
    """The same request with statements that fail."""
    return replace(request, headers={**request.headers, FAILING: json.dumps(codes)})


def answered(request: Request, send: Callable[[Request], Response]) -> Response:
    """The response to a request. `send` sends all requests except batches of statements."""
    service, _, operation = request.headers.get("x-amz-target", "").rpartition(".")
    if operation != OPERATION:
        return send(request)

    def answer_one(plain_operation: str, parameters: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        headers = {**request.headers, "x-amz-target": f"{service}.{plain_operation}"}
        answer = send(replace(request, headers=headers, body=json.dumps(parameters).encode()))
        return answer.status, json.loads(answer.body)

    codes = {int(index): code for index, code in json.loads(request.headers.get(FAILING, "{}")).items()}
    batch = json.loads(request.body)
    answer = with_failures(batch, codes, lambda left: answer_batch(left, answer_one))
    return Response(200, json.dumps(answer).encode())
