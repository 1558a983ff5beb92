"""AWS clients, made when first used and kept for the container's life."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from chalicelib.aws.sdk.client import ATTEMPTS, Endpoint, JsonClient
from chalicelib.aws.sdk.credentials import Identity
from chalicelib.aws.sdk.transport import KeptConnections, Transport

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_ssm import SSMClient

    from chalicelib.settings import AwsEnvironment

#: Threads that may speak to AWS at once.
CONNECTIONS = 32


class Clients:
    """One client a service, all on the same connections."""

    json_client = JsonClient

    def __init__(
        self,
        environment: AwsEnvironment,
        *,
        transport: Transport | None = None,
        attempts: int = ATTEMPTS,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        """Another `transport` brings the requests of all clients to wherever it wants."""
        self._environment = environment
        self._transport = transport
        self._attempts = attempts
        self._wait = wait

    @cached_property
    def dynamodb(self) -> DynamoDBClient:
        return cast("DynamoDBClient", self._json("dynamodb", "DynamoDB_20120810"))

    @cached_property
    def sqs(self) -> SQSClient:
        return cast("SQSClient", self._json("sqs", "AmazonSQS"))

    @cached_property
    def ssm(self) -> SSMClient:
        return cast("SSMClient", self._json("ssm", "AmazonSSM", version="1.1"))

    @cached_property
    def sns(self) -> Endpoint:
        return self._endpoint("sns")

    def websocket(self, url: str) -> Endpoint:
        """The management API of the WebSocket API at `url`; the caller keeps it."""
        # A post to one slow browser must not hold up the others; `realtime` does its own retries.
        connections = self._connections(connect_seconds=1, read_seconds=2)
        return self._at(url, "execute-api", self._transport or connections, attempts=1)

    def _json(self, service: str, target: str, version: str = "1.0") -> JsonClient:
        return self.json_client(self._endpoint(service), target, version)

    def _endpoint(self, service: str) -> Endpoint:
        return self._at(self._origin(service), service, self._transport or self._all, self._attempts)

    def _at(self, origin: str, service: str, transport: Transport, attempts: int) -> Endpoint:
        return Endpoint(
            service=service,
            origin=origin,
            identity=self._identity,
            transport=transport,
            attempts=attempts,
            wait=self._wait,
        )

    def _origin(self, service: str) -> str:
        """Where a service listens. https://docs.aws.amazon.com/general/latest/gr/rande.html"""
        if self._environment.endpoint_url is not None:
            return self._environment.endpoint_url.rstrip("/")
        region = self._identity.region
        domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
        return f"https://{service}.{region}.{domain}"

    @cached_property
    def _identity(self) -> Identity:
        return Identity.of(self._environment)

    @cached_property
    def _all(self) -> KeptConnections:
        return self._connections(connect_seconds=2, read_seconds=5)

    def _connections(self, **seconds: Any) -> KeptConnections:
        return KeptConnections(**seconds, roots=self._environment.ca_bundle)
