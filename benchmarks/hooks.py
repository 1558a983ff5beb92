"""Clients that note every exchange, and ask DynamoDB what each one costs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from botocore.loaders import create_loader
from botocore.session import Session

from benchmarks.exchanges import Exchange, operation_of
from chalicelib.aws.sdk.client import JsonClient
from chalicelib.aws.sdk.clients import Clients
from chalicelib.aws.sdk.transport import KeptConnections, Request, Response, Unreachable
from chalicelib.settings import AwsEnvironment

REGION: Final = "us-east-1"
#: Longer than the emulator needs with a big table.
_PATIENCE_SECONDS: Final = 60
#: Reading botocore's service models is most of making a client: all sessions share one reading.
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
    """That of a function on the emulated AWS at `endpoint`."""
    return AwsEnvironment(region=REGION, access_key="test", secret_key="test", endpoint_url=endpoint)  # noqa: S106 - an emulator asks for none


def patient() -> KeptConnections:
    """Connections that wait as long as the emulator needs."""
    return KeptConnections(connect_seconds=2, read_seconds=_PATIENCE_SECONDS)


class _Asking(JsonClient):
    """Asks DynamoDB for the capacity that each operation consumes."""

    def call(self, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        if operation in _BILLED or operation in _BILLED_IN_PARTS:
            parameters = {**parameters, "ReturnConsumedCapacity": "INDEXES"}
        return super().call(operation, parameters)


class NotingClients(Clients):
    """Clients whose exchanges are noted here, in order of their answers. They send nothing twice."""

    json_client = _Asking

    def __init__(self, endpoint: str) -> None:
        self.exchanges: list[Exchange] = []
        self._connections_kept = patient()
        super().__init__(environment(endpoint), transport=self, attempts=1)

    def take(self) -> list[Exchange]:
        """The exchanges since the last call."""
        taken, self.exchanges = self.exchanges, []
        return taken

    def send(self, request: Request) -> Response:
        """The answer, noted."""
        response = self._connections_kept.send(request)
        self._note(request, response)
        return response

    def send_all(self, requests: Sequence[Request]) -> list[Response | Unreachable]:
        """The answers, noted; where none came the proxy has none either."""
        answers = self._connections_kept.send_all(requests)
        for request, answer in zip(requests, answers, strict=True):
            if isinstance(answer, Response):
                self._note(request, answer)
        return answers

    def _note(self, request: Request, response: Response) -> None:
        operation = operation_of(request.path, request.headers, request.body)
        self.exchanges.append(Exchange(operation, request.body, response.body))
