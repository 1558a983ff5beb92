"""Writes in batches, and failed statements that are sent again alone, on a scripted DynamoDB."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from chalicelib.aws.dynamodb.document_table import DocumentTable
from chalicelib.aws.dynamodb.writes import WriteResult, Writes
from chalicelib.aws.sdk.client import error_type
from chalicelib.domain.errors import Outage
from tests.support.examples import a_task

Refusal = error_type("ConditionalCheckFailedException")


class FakeDynamoDB:
    """Answers batches by their keys, and records single requests."""

    class exceptions:  # noqa: N801 - as the SDK has it
        ConditionalCheckFailedException = Refusal

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.batches: list[int] = []
        self.alone: list[str] = []

    def batch_execute_statement(self, *, Statements: list[Any]) -> Any:  # noqa: N803
        self.batches.append(len(Statements))
        keys = [each["Parameters"][1]["S"] for each in Statements]
        if "broken" in keys:
            raise Outage
        if "odd" in keys:
            raise error_type("ValidationException")("BatchExecuteStatement", "", 400, {})
        return {"Responses": [self.answers.get(key, {"Item": {"n": {"S": key}}}) for key in keys]}

    def update_item(self, *, Key: Any, **_: Any) -> Any:  # noqa: N803
        self.alone.append(Key["sk"]["S"])
        if Key["sk"]["S"] == "refused":
            raise Refusal("UpdateItem", "", 400, {"Item": {"n": {"S": "as it was"}}})
        if Key["sk"]["S"] == "failing":
            raise ConnectionError
        return {"Attributes": {"n": {"S": "alone"}}}

    def batch_write_item(self, *, RequestItems: Any) -> Any:  # noqa: N803
        ((table, puts),) = RequestItems.items()
        self.batches.append(len(puts))
        left = [put for put in puts if put["PutRequest"]["Item"]["pk"]["S"] in self.answers]
        return {"UnprocessedItems": {table: left} if left else {}}

    def put_item(self, *, Item: Any, **_: Any) -> Any:  # noqa: N803
        self.alone.append(Item["pk"]["S"])
        if self.answers.get(Item["pk"]["S"]) == "failing":
            raise ConnectionError


def update(key: str) -> dict[str, Any]:
    return {
        "TableName": "tasks",
        "Key": {"sk": {"S": key}, "pk": {"S": "p"}},
        "UpdateExpression": "REMOVE a",
        "ConditionExpression": "attribute_not_exists(b)",
        "ExpressionAttributeValues": {},
    }


def many(client: Any, *keys: str) -> list[WriteResult | Exception]:
    with ThreadPoolExecutor(2) as threads:
        return Writes(client, threads).many([update(key) for key in keys])


class TestBatches:
    def test_one_write_is_no_batch(self) -> None:
        client = FakeDynamoDB()
        assert many(client, "a") == [WriteResult({"n": {"S": "alone"}})]
        assert client.batches == []

    def test_no_write_is_no_request(self) -> None:
        client = FakeDynamoDB()
        assert many(client) == []
        assert client.alone == []

    def test_a_batch_has_at_most_25_writes(self) -> None:
        client = FakeDynamoDB()
        answers = many(client, *map(str, range(52)))
        assert [each.row for each in answers if isinstance(each, WriteResult) and each.row] == [
            {"n": {"S": str(number)}} for number in range(52)
        ]
        assert client.batches == [25, 25, 2]

    def test_an_existing_item_is_a_result(self) -> None:
        client = FakeDynamoDB(a={"Error": {"Code": "DuplicateItem"}})
        assert many(client, "a", "b") == [WriteResult(None, refused=True), WriteResult({"n": {"S": "b"}})]
        assert client.alone == []

    def test_a_failed_statement_beside_it_is_sent_again_alone(self) -> None:
        client = FakeDynamoDB(
            a={"Error": {"Code": "DuplicateItem"}}, b={"Error": {"Code": "ThrottlingError"}}
        )
        assert many(client, "a", "b") == [WriteResult(None, refused=True), WriteResult({"n": {"S": "alone"}})]

    def test_a_refused_statement_is_settled_by_a_single_write(self) -> None:
        client = FakeDynamoDB(a={"Error": {"Code": "ConditionalCheckFailed"}})
        assert many(client, "a", "b")[0] == WriteResult({"n": {"S": "alone"}})

    @pytest.mark.parametrize(
        "code",
        [
            "ConditionalCheckFailed",
            "ThrottlingError",
            "ProvisionedThroughputExceeded",
            "RequestLimitExceeded",
            "InternalServerError",
            "TransactionConflict",
        ],
    )
    def test_a_failed_statement_is_sent_again_alone(self, code: str) -> None:
        client = FakeDynamoDB(refused={"Error": {"Code": code}}, failing={"Error": {"Code": code}})
        answers = many(client, "a", "refused", "b", "failing")
        assert answers[1] == WriteResult({"n": {"S": "as it was"}}, refused=True)
        assert isinstance(answers[3], ConnectionError)
        assert [answer.row for answer in answers[::2] if isinstance(answer, WriteResult)] == [
            {"n": {"S": "a"}},
            {"n": {"S": "b"}},
        ]
        assert sorted(client.alone) == ["failing", "refused"]

    def test_a_failed_batch_fails_only_its_own_writes(self) -> None:
        keys = ["broken", *map(str, range(30))]
        answers = many(FakeDynamoDB(), *keys)
        assert [isinstance(each, Outage) for each in answers] == [True] * 25 + [False] * 6

    def test_the_writes_of_a_refused_batch_are_sent_one_by_one(self) -> None:
        client = FakeDynamoDB()
        assert many(client, "a", "odd") == [WriteResult({"n": {"S": "alone"}})] * 2
        assert sorted(client.alone) == ["a", "odd"]

    def test_an_update_without_a_row_is_sent_again_alone(self) -> None:
        client = FakeDynamoDB(a={})
        assert many(client, "a", "b") == [WriteResult({"n": {"S": "alone"}}), WriteResult({"n": {"S": "b"}})]


class TestDocuments:
    def test_unprocessed_documents_are_put_alone(self) -> None:
        client: Any = FakeDynamoDB(b="later", c="failing")
        tasks = [a_task(id=name) for name in "abcd"]
        failed = DocumentTable(client, "documents").put_payloads(tasks)
        assert client.alone == ["b", "c"]
        assert set(failed) == set("abcd")  # of the batch, nobody knows what was stored
