"""Which errors of AWS say "try again later", and which say that we are wrong."""

from __future__ import annotations

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
    ReadTimeoutError,
)

from chalicelib.aws.clients import is_outage


def refusal(status: int, code: str) -> ClientError:
    return ClientError(
        {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}},  # type: ignore[typeddict-item]
        "PutItem",
    )


@pytest.mark.parametrize(
    "error",
    [
        refusal(500, "InternalServerError"),
        refusal(503, "ServiceUnavailable"),
        refusal(400, "ThrottlingException"),
        refusal(400, "ProvisionedThroughputExceededException"),
        refusal(400, "RequestLimitExceeded"),
        refusal(400, "TransactionConflictException"),
        ConnectTimeoutError(endpoint_url="https://aws.test"),
        ReadTimeoutError(endpoint_url="https://aws.test"),
        EndpointConnectionError(endpoint_url="https://aws.test"),
        ConnectionClosedError(endpoint_url="https://aws.test"),
    ],
    ids=repr,
)
def test_what_may_be_over_soon_is_an_outage(error: Exception) -> None:
    assert is_outage(error)


@pytest.mark.parametrize(
    "error",
    [
        refusal(400, "ValidationException"),
        refusal(400, "AccessDeniedException"),
        refusal(400, "ResourceNotFoundException"),
        ParamValidationError(report="no such parameter"),
        NoCredentialsError(),
        ValueError("ours"),
    ],
    ids=repr,
)
def test_what_trying_again_cannot_help_is_our_fault(error: Exception) -> None:
    assert not is_outage(error)
