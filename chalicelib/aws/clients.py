"""boto3 clients, made when first used and kept for the container's life."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from mypy_boto3_apigatewaymanagementapi import ApiGatewayManagementApiClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_ssm import SSMClient

#: Threads that may speak to AWS at once, and so the connections that are kept.
CONNECTIONS = 32

#: Answers of status 400 that say "later".
_THROTTLED = {
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ThrottlingException",
    "TransactionConflictException",
    "TransactionInProgressException",
}

_CONFIG = Config(
    connect_timeout=2,
    read_timeout=5,
    retries={"mode": "standard", "total_max_attempts": 4},
    max_pool_connections=CONNECTIONS,
    tcp_keepalive=True,
)
#: A post to one slow browser must not hold up the others; `realtime` does its own retries.
_PUSH_CONFIG = Config(
    connect_timeout=1,
    read_timeout=2,
    retries={"mode": "standard", "total_max_attempts": 1},
    max_pool_connections=CONNECTIONS,
    tcp_keepalive=True,
)


class Clients:
    """One client a service, all on one session."""

    def __init__(
        self, endpoint_url: str | None = None, new_session: Callable[[], boto3.Session] = boto3.Session
    ) -> None:
        self._endpoint_url = endpoint_url
        self._new_session = new_session

    @cached_property
    def _session(self) -> boto3.Session:
        return self._new_session()

    @cached_property
    def dynamodb(self) -> DynamoDBClient:
        return self._session.client("dynamodb", endpoint_url=self._endpoint_url, config=_CONFIG)

    @cached_property
    def sqs(self) -> SQSClient:
        return self._session.client("sqs", endpoint_url=self._endpoint_url, config=_CONFIG)

    @cached_property
    def sns(self) -> SNSClient:
        return self._session.client("sns", endpoint_url=self._endpoint_url, config=_CONFIG)

    @cached_property
    def ssm(self) -> SSMClient:
        return self._session.client("ssm", endpoint_url=self._endpoint_url, config=_CONFIG)

    def websocket(self, endpoint_url: str) -> ApiGatewayManagementApiClient:
        """A client of the WebSocket API behind `endpoint_url`; the caller keeps it."""
        return self._session.client("apigatewaymanagementapi", endpoint_url=endpoint_url, config=_PUSH_CONFIG)


def is_outage(error: Exception) -> bool:
    """Is it AWS that failed, after the SDK's own retries, so that trying later may help?"""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
        return status >= 500 or error.response.get("Error", {}).get("Code") in _THROTTLED
    return isinstance(error, BotoCoreError)
