"""AWS clients, made when first used and kept for the container's life.

They are botocore's own, the ones that boto3 wraps: importing boto3 itself would add a third to a cold start.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from botocore.config import Config
from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as ConnectFailed
from botocore.session import Session

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

    def __init__(self, endpoint_url: str | None = None, new_session: Callable[[], Session] = Session) -> None:
        self._endpoint_url = endpoint_url
        self._new_session = new_session

    @cached_property
    def _session(self) -> Session:
        return self._new_session()

    @cached_property
    def dynamodb(self) -> DynamoDBClient:
        client: DynamoDBClient = self._new("dynamodb")
        return client

    @cached_property
    def sqs(self) -> SQSClient:
        client: SQSClient = self._new("sqs")
        return client

    @cached_property
    def sns(self) -> SNSClient:
        client: SNSClient = self._new("sns")
        return client

    @cached_property
    def ssm(self) -> SSMClient:
        client: SSMClient = self._new("ssm")
        return client

    def websocket(self, endpoint_url: str) -> ApiGatewayManagementApiClient:
        """A client of the WebSocket API behind `endpoint_url`; the caller keeps it."""
        service = "apigatewaymanagementapi"
        client: Any = self._session.create_client(service, endpoint_url=endpoint_url, config=_PUSH_CONFIG)
        return cast("ApiGatewayManagementApiClient", client)

    def _new(self, service: str) -> Any:
        return self._session.create_client(service, endpoint_url=self._endpoint_url, config=_CONFIG)


def is_outage(error: Exception) -> bool:
    """Is it AWS that failed, after the SDK's own retries, so that trying later may help?"""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
        return status >= 500 or error.response.get("Error", {}).get("Code") in _THROTTLED
    return isinstance(error, ConnectFailed | HTTPClientError)
