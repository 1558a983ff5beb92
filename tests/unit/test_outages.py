"""Temporary errors of AWS are outages; permanent ones are not."""

from __future__ import annotations

import pytest

from chalicelib.aws.sdk.client import ServiceError, error_type, is_outage
from chalicelib.aws.sdk.transport import Unreachable


def refusal(status: int, code: str) -> ServiceError:
    return error_type(code)("PutItem", code, status, {"message": "no"})


@pytest.mark.parametrize(
    "error",
    [
        refusal(500, "InternalServerError"),
        refusal(503, "ServiceUnavailable"),
        refusal(400, "ThrottlingException"),
        refusal(400, "ProvisionedThroughputExceededException"),
        refusal(400, "RequestLimitExceeded"),
        refusal(400, "TransactionConflictException"),
        Unreachable("https://aws.test: timed out"),
    ],
    ids=repr,
)
def test_a_temporary_error_is_an_outage(error: Exception) -> None:
    assert is_outage(error)


@pytest.mark.parametrize(
    "error",
    [
        refusal(400, "ValidationException"),
        refusal(400, "AccessDeniedException"),
        refusal(400, "ResourceNotFoundException"),
        LookupError("no credentials"),
        ValueError("ours"),
    ],
    ids=repr,
)
def test_a_permanent_error_is_no_outage(error: Exception) -> None:
    assert not is_outage(error)
