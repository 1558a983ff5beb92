"""Requests translated into PartiQL, and back by the translator of the tests."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.aws.dynamodb.claim import claim_request
from chalicelib.aws.dynamodb.partiql import ABSENT, statement
from chalicelib.aws.dynamodb.task_change import change_request
from chalicelib.aws.dynamodb.task_row import row_key, to_row
from tests.support.examples import KEEP, LATER, NOW, a_running_task, a_task
from tests.support.partiql import answer_batch, plain

TASK = a_task()
PUT = {"TableName": "tasks", "Item": to_row(TASK), "ConditionExpression": ABSENT}


def update(changes: str = "SET a = :a", condition: str = "b = :b") -> dict[str, Any]:
    """A request of UpdateItem."""
    return {
        "TableName": "tasks",
        "Key": row_key("ada", "1"),
        "UpdateExpression": changes,
        "ConditionExpression": condition,
        "ExpressionAttributeValues": {":a": {"N": "1"}, ":b": {"N": "2"}, ":c": {"N": "3"}},
    }


@pytest.mark.parametrize(
    ("changes", "condition", "text", "values"),
    [
        ("SET a = :a", "b = :b", 'SET "a" = ? WHERE {} AND ("b" = ?)', "1 2"),
        (
            "SET #a = #a + :a, c = :c REMOVE d, #e",
            "b = :b",
            'SET "a" = "a" + ? SET "c" = ? REMOVE "d" REMOVE "e" WHERE {} AND ("b" = ?)',
            "1 3 2",
        ),
        ("REMOVE d", "#b IN (:b, :a)", 'REMOVE "d" WHERE {} AND ("b" IN [?, ?])', "2 1"),
        (
            "REMOVE d",
            "attribute_not_exists(x) AND NOT (attribute_exists(#y) OR b <= :b)",
            'REMOVE "d" WHERE {} AND ("x" IS MISSING AND NOT ("y" IS NOT MISSING OR "b" <= ?))',
            "2",
        ),
    ],
    ids=range(4),
)
def test_an_update_is_translated(changes: str, condition: str, text: str, values: str) -> None:
    translated = statement(update(changes, condition))
    keys = '"pk" = ? AND "sk" = ?'
    assert translated["Statement"] == f'UPDATE "tasks" {text.format(keys)} RETURNING ALL NEW *'
    ids = [value["S"] for value in translated["Parameters"] if "S" in value]
    assert ids == [each["S"] for each in row_key("ada", "1").values()]
    assert [value["N"] for value in translated["Parameters"] if "N" in value] == values.split()


def test_an_insert_has_every_attribute() -> None:
    translated = statement(PUT)
    assert translated["Statement"].startswith("""INSERT INTO "tasks" VALUE {'pk': ?, 'sk': ?, 'schema': ?""")
    assert translated["Parameters"] == list(to_row(TASK).values())


@pytest.mark.parametrize(
    "request_",
    [
        {**PUT, "ConditionExpression": "attribute_not_exists(pk) OR ttl < :now"},
        update("SET a = if_not_exists(a, :a)"),
        update("ADD a :a"),
        update(condition="begins_with(b, :b)"),
        update(condition="b = :b; x"),
        update(condition="b BETWEEN :a AND :b"),
    ],
    ids=range(6),
)
def test_an_unknown_expression_is_an_error(request_: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"no INSERT has|cannot be translated"):
        statement(request_)


@pytest.mark.parametrize(
    "request_",
    [
        claim_request("t", row_key("a", "1"), now=NOW, until=LATER, claim_id="x", paused=["a", "b"]),
        change_request(
            "t", a_running_task(), a_running_task().snooze(NOW, KEEP, KEEP), "#lease = :l", {":l": {"N": "1"}}
        ),
        change_request("t", TASK, a_task(due_at=NOW + timedelta(1)), "#version = :v", {":v": {"N": "1"}}),
    ],
    ids=["claim", "snooze", "due"],
)
def test_the_tests_translator_is_the_inverse(request_: dict[str, Any]) -> None:
    """Translated, translated back and translated again, it is the same."""
    translated = statement(request_)
    operation, read = plain(translated)
    assert operation == "UpdateItem"
    assert read["Key"] == request_["Key"]
    of_items = {**read, "ConditionExpression": read["ConditionExpression"].partition(" AND ")[2][1:-1]}
    assert statement(of_items) == translated


@pytest.mark.parametrize(
    "text",
    [
        'SELECT * FROM "tasks"',
        'DELETE FROM "tasks" WHERE "pk" = ? AND "sk" = ?',
        'UPDATE "tasks" SET "a" = ? WHERE "pk" = ? AND "sk" = ? RETURNING ALL NEW *',
        'UPDATE "tasks" SET "a" = ? WHERE "pk" = ? AND "sk" = ? AND (size("a") > 1) RETURNING ALL NEW *',
        "INSERT INTO \"tasks\" VALUE {'pk': 'literal'}",
    ],
    ids=range(5),
)
def test_the_tests_translator_refuses_unknown_statements(text: str) -> None:
    def never(operation: str, parameters: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        raise AssertionError(operation)

    with pytest.raises(NotImplementedError):
        answer_batch({"Statements": [{"Statement": text, "Parameters": [{"S": "a"}] * 3}]}, never)
