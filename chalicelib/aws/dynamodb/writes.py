"""Writes under a condition: one in a request, or up to 25.

`Writes.many` is as many `Writes.one` for the price of one request: each statement of a batch stands for
itself. What a batch does not do is asked once more by itself, with the client's attempts: DynamoDB may have
been too busy for a statement, and a refusal counts only in the words of UpdateItem, whose rules about
attributes that are missing are documented, and which shows the row. That changes nothing that was done: a
second copy of a write is what any lost answer leads to, and its caller knows its own first copy.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chalicelib.aws.dynamodb.items import refused_row
from chalicelib.aws.dynamodb.partiql import statement
from chalicelib.aws.sdk.client import is_outage

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import BatchStatementResponseTypeDef

#: The request of an UpdateItem or a PutItem.
Request = dict[str, Any]

#: BatchExecuteStatement takes at most this many statements.
_LIMIT = 25
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a write."""

    row: dict[str, Any] | None  #: as it is now; None where there is none, and after a put
    refused: bool = False  #: its condition did not hold


class Writes:
    """Conditional writes to DynamoDB."""

    def __init__(self, client: DynamoDBClient, threads: Executor) -> None:
        self._client = client
        self._threads = threads

    def one(self, request: Request) -> Answer:
        """Do one write. Raises: ServiceError, Unreachable."""
        try:
            if "Item" in request:
                self._client.put_item(**request)
                return Answer(None)
            answer = self._client.update_item(
                **request, ReturnValues="ALL_NEW", ReturnValuesOnConditionCheckFailure="ALL_OLD"
            )
        except self._client.exceptions.ConditionalCheckFailedException as refusal:
            return Answer(refused_row(refusal), refused=True)
        return Answer(answer["Attributes"])

    def many(self, requests: Sequence[Request]) -> list[Answer | Exception]:
        """Do writes to different items or to the same, in no order; for each, its answer or its error."""
        batches = [requests[start : start + _LIMIT] for start in range(0, len(requests), _LIMIT)]
        answers = [each for batch in self._side_by_side(self._batch, batches) for each in batch]
        left = [index for index, answer in enumerate(answers) if answer is None]
        again = self._side_by_side(self._attempt, [requests[index] for index in left])
        settled = dict(zip(left, again, strict=True))
        return [settled.get(index, answer) for index, answer in enumerate(answers)]

    def _side_by_side(self, act: Callable[[Any], Any], what: Sequence[Any]) -> Iterable[Any]:
        return map(act, what) if len(what) <= 1 else self._threads.map(act, what)

    def _attempt(self, request: Request) -> Answer | Exception:
        try:
            return self.one(request)
        except Exception as error:  # one write must not stop the others
            return error

    def _batch(self, requests: Sequence[Request]) -> Sequence[Answer | Exception | None]:
        """The answer to each of at most 25 writes; None for what the batch leaves open."""
        if len(requests) == 1:
            return [self._attempt(requests[0])]
        try:
            statements = [statement(each) for each in requests]  # guard: batch.create-only-if-absent
            answers = self._client.batch_execute_statement(Statements=statements)["Responses"]
        except Exception as error:
            if is_outage(error):  # of all of these, and not of other batches
                return [error] * len(requests)
            fields = {"action": "batch_refused", "reason": str(error)}
            _log.exception("Batch refused, its writes are done one by one", extra={"fields": fields})
            return [None] * len(requests)
        # guard: batch.own-condition
        return [_answer_of(*each) for each in zip(requests, answers, strict=True)]


def _answer_of(request: Request, response: BatchStatementResponseTypeDef) -> Answer | None:
    error = response.get("Error")
    if error is None:
        row = response.get("Item")
        # An update that does not show its row may be done or not: the plain one tells.
        return None if row is None and "Item" not in request else Answer(row)
    code = error.get("Code")
    if code == "DuplicateItem":
        return Answer(None, refused=True)
    if code != "ConditionalCheckFailed":
        fields = {"action": "statement_failed", "code": code, "reason": error.get("Message")}
        _log.warning("Statement not done, sent again", extra={"fields": fields})
    return None  # guard: batch.failed-statement-again
