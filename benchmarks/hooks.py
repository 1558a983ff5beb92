"""Clients that record every exchange, and request the consumed capacity from DynamoDB."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from botocore.loaders import create_loader
from botocore.session import Session

from benchmarks.exchanges import Exchange, operation_of
from chalicelib.aws.sdk.clients import Clients
from chalicelib.aws.sdk.services import DynamoDBClient
from chalicelib.aws.sdk.transport import PooledTransport, Request, Response, Unreachable
from chalicelib.settings import AwsEnvironment

REGION: Final = "us-east-1"
#: More than the emulator needs with a big table.
_PATIENCE_SECONDS: Final = 60
#: Making a client is slow because botocore reads its service models: all sessions share one loader.
_LOADER: Final = create_loader()
_BILLED: Final = ("GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query")
_BILLED_IN_PARTS: Final = ("BatchGetItem", "BatchWriteItem", "TransactWriteItems", "BatchExecuteStatement")


def new_session() -> Session:
    """A session of botocore for an emulated AWS."""
    session = Session()
    session.register_component("data_loader", _LOADER)
    session.set_config_variable("region", REGION)
    session.set_credentials("test", "test")
    return session


def environment(endpoint: str) -> AwsEnvironment:
    """The environment of a function on the emulated AWS at `endpoint`."""
    return AwsEnvironment(region=REGION, access_key="test", secret_key="test", endpoint_url=endpoint)  # noqa: S106 # pragma: allowlist secret


def emulator_transport() -> PooledTransport:
    """Connections with the long timeout that the emulator needs."""
    return PooledTransport(connect_seconds=2, read_seconds=_PATIENCE_SECONDS)


class _CapacityClient(DynamoDBClient):
    """Requests the consumed capacity of each operation."""

    def call(self, operation: str, parameters: dict[str, Any]) -> Any:
        if operation in _BILLED or operation in _BILLED_IN_PARTS:
            parameters = {**parameters, "ReturnConsumedCapacity": "INDEXES"}
        return super().call(operation, parameters)


class RecordingClients(Clients):
    """Clients whose exchanges are recorded in the order of their responses. They retry nothing."""

    dynamodb_client = _CapacityClient

    def __init__(self, endpoint: str) -> None:
        self.exchanges: list[Exchange] = []
        self._connections = emulator_transport()
        super().__init__(environment(endpoint), transport=self, attempts=1)

    def take(self) -> list[Exchange]:
        """The exchanges since the last call."""
        taken, self.exchanges = self.exchanges, []
        return taken

    def send(self, request: Request) -> Response:
        """The response, recorded."""
        response = self._connections.send(request)
        self._record(request, response)
        return response

    def send_all(self, requests: Sequence[Request]) -> list[Response | Unreachable]:
        """The responses, recorded; a failed request has none, in the proxy neither."""
        responses = self._connections.send_all(requests)
        for request, response in zip(requests, responses, strict=True):
            if isinstance(response, Response):
                self._record(request, response)
        return responses

    def _record(self, request: Request, response: Response) -> None:
        operation = operation_of(request.path, request.headers, request.body)
        self.exchanges.append(Exchange(operation, request.body, response.body))
