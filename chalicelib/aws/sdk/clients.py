"""The small SDK's clients, made when first used and kept for the container's life."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from chalicelib.aws.sdk.client import ATTEMPTS, Endpoint
from chalicelib.aws.sdk.credentials import AwsSession
from chalicelib.aws.sdk.services import DynamoDBClient, SQSClient, SSMClient
from chalicelib.aws.sdk.transport import PooledTransport, Transport

if TYPE_CHECKING:
    from chalicelib.aws.sdk.connections_client import ConnectionsClient
    from chalicelib.aws.sdk.sns_client import SNSClient
    from chalicelib.settings import AwsEnvironment


class Clients:
    """One client a service, all on the same pool of connections."""

    dynamodb_client = DynamoDBClient

    def __init__(
        self,
        environment: AwsEnvironment,
        *,
        transport: Transport | None = None,
        attempts: int = ATTEMPTS,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        """`transport` replaces the network, for all clients."""
        self._environment = environment
        self._transport = transport
        self._attempts = attempts
        self._wait = wait

    @cached_property
    def dynamodb(self) -> DynamoDBClient:
        return self.dynamodb_client(self._endpoint("dynamodb"), "DynamoDB_20120810")

    @cached_property
    def sqs(self) -> SQSClient:
        return SQSClient(self._endpoint("sqs"), "AmazonSQS")

    @cached_property
    def ssm(self) -> SSMClient:
        return SSMClient(self._endpoint("ssm"), "AmazonSSM", version="1.1")

    @cached_property
    def sns(self) -> SNSClient:
        from chalicelib.aws.sdk.sns_client import SNSClient  # noqa: PLC0415 - for alerts alone

        return SNSClient(self._endpoint("sns"))

    def connections(self, url: str) -> ConnectionsClient:
        """The connections of the WebSocket API at `url`, https://HOST/STAGE. The caller keeps the client."""
        from chalicelib.aws.sdk.connections_client import ConnectionsClient  # noqa: PLC0415 - for frames alone

        parts = urlsplit(url)
        # A post to one slow browser must not delay the others; `realtime` retries by itself.
        transport = self._transport or self._pool(connect_seconds=1, read_seconds=2)
        endpoint = self._endpoint_at(f"{parts.scheme}://{parts.netloc}", "execute-api", transport, attempts=1)
        return ConnectionsClient(endpoint, parts.path.rstrip("/"))

    def _endpoint(self, service: str) -> Endpoint:
        transport = self._transport or self._shared_pool
        return self._endpoint_at(self._origin(service), service, transport, self._attempts)

    def _endpoint_at(self, origin: str, service: str, transport: Transport, attempts: int) -> Endpoint:
        return Endpoint(
            service=service,
            origin=origin,
            session=self._session,
            transport=transport,
            attempts=attempts,
            wait=self._wait,
        )

    def _origin(self, service: str) -> str:
        """The regional endpoint of a service. https://docs.aws.amazon.com/general/latest/gr/rande.html"""
        if self._environment.endpoint_url is not None:
            return self._environment.endpoint_url.rstrip("/")
        region = self._session.region
        domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
        return f"https://{service}.{region}.{domain}"

    @cached_property
    def _session(self) -> AwsSession:
        return AwsSession.of(self._environment)

    @cached_property
    def _shared_pool(self) -> PooledTransport:
        return self._pool(connect_seconds=2, read_seconds=5)

    def _pool(self, **seconds: Any) -> PooledTransport:
        return PooledTransport(**seconds, roots=self._environment.ca_bundle)
