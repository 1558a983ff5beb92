"""Conditional writes, alone or in batches of 25.

A batch is no transaction: each of its statements succeeds or fails by its own condition. A failed statement
is sent again alone, which is safe because every write is idempotent. The second request has the client's
retries, and it settles refusals: AWS documents how UpdateItem treats missing attributes in a condition, and
a refused UpdateItem returns the row.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chalicelib.aws.dynamodb.items import Row, refused_row
from chalicelib.aws.dynamodb.partiql import statement
from chalicelib.domain.errors import Outage

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import BatchStatementResponseTypeDef

    from chalicelib.aws.sdk.protocols import DynamoDB

#: The request of an UpdateItem or a PutItem.
Request = dict[str, Any]

#: BatchExecuteStatement takes at most this many statements.
_LIMIT = 25
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WriteResult:
    """The result of a conditional write."""

    row: Row | None  #: the current row; None when there is none, and after a put
    refused: bool = False  #: the condition did not hold


class Writes:
    """Conditional writes to DynamoDB."""

    def __init__(self, client: DynamoDB, threads: Executor) -> None:
        self._client = client
        self._threads = threads

    def one(self, request: Request) -> WriteResult:
        """Send one write. Raises: ServiceError, Outage."""
        try:
            if "Item" in request:
                self._client.put_item(**request)
                return WriteResult(None)
            response = self._client.update_item(
                **request, ReturnValues="ALL_NEW", ReturnValuesOnConditionCheckFailure="ALL_OLD"
            )
        except self._client.exceptions.ConditionalCheckFailedException as refusal:
            return WriteResult(refused_row(refusal), refused=True)
        return WriteResult(response["Attributes"])

    def many(self, requests: Sequence[Request]) -> list[WriteResult | Exception]:
        """Send writes together, in no order. Returns a result or an error for each."""
        batches = [requests[start : start + _LIMIT] for start in range(0, len(requests), _LIMIT)]
        results = [each for batch in self._side_by_side(self._batch, batches) for each in batch]
        failed = [index for index, result in enumerate(results) if result is None]
        again = self._side_by_side(self._alone, [requests[index] for index in failed])
        settled = dict(zip(failed, again, strict=True))
        return [settled.get(index, result) for index, result in enumerate(results)]

    def _side_by_side(self, act: Callable[[Any], Any], arguments: Sequence[Any]) -> Iterable[Any]:
        return map(act, arguments) if len(arguments) <= 1 else self._threads.map(act, arguments)

    def _alone(self, request: Request) -> WriteResult | Exception:
        try:
            return self.one(request)
        except Exception as error:  # one write must not stop the others
            return error

    def _batch(self, requests: Sequence[Request]) -> Sequence[WriteResult | Exception | None]:
        """Send at most 25 writes. Returns a result or an error for each; None for those to send again."""
        if len(requests) == 1:
            return [self._alone(requests[0])]
        try:
            statements = [statement(each) for each in requests]  # guard: batch.create-only-if-absent
            responses = self._client.batch_execute_statement(Statements=statements)["Responses"]
        except Outage as error:
            return [error] * len(requests)
        except Exception as error:
            fields = {"action": "batch_refused", "reason": str(error)}
            _log.exception("Batch refused, its writes are sent one by one", extra={"fields": fields})
            return [None] * len(requests)
        # guard: batch.own-condition
        return [_result_of(*each) for each in zip(requests, responses, strict=True)]


def _result_of(request: Request, response: BatchStatementResponseTypeDef) -> WriteResult | None:
    error = response.get("Error")
    if error is None:
        row = response.get("Item")
        # An update without a row in its response may be done or not: the plain one shows it.
        return None if row is None and "Item" not in request else WriteResult(row)
    code = error.get("Code")
    if code == "DuplicateItem":
        return WriteResult(None, refused=True)
    if code != "ConditionalCheckFailed":
        fields = {"action": "statement_failed", "code": code, "reason": error.get("Message")}
        _log.warning("Statement failed, sent again alone", extra={"fields": fields})
    return None  # guard: batch.failed-statement-again
