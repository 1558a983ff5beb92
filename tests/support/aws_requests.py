"""Parses requests to AWS, and sends them to moto."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from io import BytesIO
from typing import Any, Protocol
from urllib.parse import parse_qsl, unquote, urlsplit

from boto3.session import Session as Boto3Session
from botocore.awsrequest import AWSPreparedRequest, AWSRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config
from botocore.exceptions import EndpointConnectionError
from botocore.session import Session
from botocore.validate import validate_parameters
from moto.core.models import botocore_stubber

from chalicelib.aws.sdk.boto3_clients import Boto3Clients
from chalicelib.aws.sdk.client import ATTEMPTS
from chalicelib.aws.sdk.clients import Clients
from chalicelib.aws.sdk.transport import PooledTransport, Request, Response, Transport, Unreachable
from chalicelib.settings import AwsEnvironment
from tests.support.partiql import answered

REGION = "us-east-1"
#: Credentials for moto, which checks none.
ENVIRONMENT = AwsEnvironment(region=REGION, access_key="test", secret_key="test")


@dataclass(frozen=True, slots=True)
class AwsCall:
    """A request as an operation of AWS's API."""

    service: str  #: botocore's name
    operation: str
    parameters: dict[str, Any]


def parsed_call(request: Request) -> AwsCall:
    """The operation and parameters of a request."""
    if "/@connections/" in request.path:
        connection_id = unquote(request.path.rpartition("/")[2])
        operation = {"POST": "PostToConnection", "DELETE": "DeleteConnection"}[request.method]
        parameters: dict[str, Any] = {"ConnectionId": connection_id}
        if request.body:
            parameters["Data"] = request.body
        return AwsCall("apigatewaymanagementapi", operation, parameters)
    target = request.headers.get("x-amz-target")
    if target is None:
        form = dict(parse_qsl(request.body.decode(), keep_blank_values=True))
        return AwsCall("sns", form.pop("Action"), form)
    api, _, operation = target.partition(".")
    service = {"DynamoDB_20120810": "dynamodb", "AmazonSQS": "sqs", "AmazonSSM": "ssm"}[api]
    return AwsCall(service, operation, json.loads(request.body))


@cache
def _arguments(service: str, operation: str) -> Any:
    """Botocore's model of an operation's arguments."""
    session = Session()
    return session.get_service_model(service).operation_model(operation).input_shape


class OneByOne(Transport):
    """A transport that sends requests one after another."""

    def send_all(self, requests: Sequence[Request]) -> list[Response | Unreachable]:
        """The responses in order."""
        return [self._tried(request) for request in requests]

    def _tried(self, request: Request) -> Response | Unreachable:
        try:
            return self.send(request)
        except Unreachable as error:
            return error


class Moto(OneByOne):
    """Validates requests by botocore's models and sends them to moto, or to a server on this machine."""

    def __init__(self) -> None:
        self._here = PooledTransport(connect_seconds=1, read_seconds=2)

    def send_all(self, requests: Sequence[Request]) -> list[Response | Unreachable]:
        """The responses in order."""
        here = bool(requests) and _is_here(requests[0])
        return self._here.send_all(requests) if here else super().send_all(requests)

    def send(self, request: Request) -> Response:
        """Moto's response. Raises: Unreachable."""
        if _is_here(request):
            return self._here.send(request)
        call = parsed_call(request)
        if call.service in ("dynamodb", "sqs", "ssm"):
            validate_parameters(call.parameters, _arguments(call.service, call.operation))
        return answered(request, self._answer)

    @staticmethod
    def _answer(request: Request) -> Response:
        prepared = AWSRequest(
            method=request.method, url=request.url, headers=request.headers, data=request.body
        ).prepare()
        answer = botocore_stubber.process_request(prepared)
        assert answer is not None, f"moto does not serve {request.url}"
        status, _, body = answer
        return Response(status, body if isinstance(body, bytes) else body.encode())


Send = Callable[[Request], Response]


class Tap(Protocol):
    """Handles a request, usually by calling `send`."""

    def __call__(self, request: Request, send: Send) -> Response:
        """The response."""


class Line(OneByOne):
    """A transport with taps. Each tap may observe, change or answer a request."""

    def __init__(self, transport: Transport) -> None:
        self.taps: list[Tap] = []
        self._transport = transport

    def send(self, request: Request) -> Response:
        """The response, after all taps."""
        send: Send = self._transport.send
        for tap in self.taps:
            send = partial(tap, send=send)
        return send(request)

    def send_all(self, requests: Sequence[Request]) -> list[Response | Unreachable]:
        """The responses in order; sent concurrently without taps."""
        return super().send_all(requests) if self.taps else self._transport.send_all(requests)


class MotoClients(Clients):
    """Clients of moto with a line of their own. They retry without a wait."""

    def __init__(self) -> None:
        self.line = Line(Moto())
        super().__init__(ENVIRONMENT, transport=self.line, wait=lambda seconds: None)


class MotoBoto3Clients(Boto3Clients):
    """boto3's clients of moto, on a line of their own."""

    def __init__(self, attempts: int = ATTEMPTS) -> None:
        self.line = Line(Moto())
        super().__init__(ENVIRONMENT, session=_boto3_session(), attempts=attempts)

    def client(self, service: str, url: str | None, config: Config) -> Any:
        """A client of boto3 that sends its requests on the line."""
        client = super().client(service, url, config)
        client.meta.events.unregister("before-send", botocore_stubber)  # which would answer, too
        client.meta.events.register("before-send", self._send)
        return client

    def _send(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        parts = urlsplit(request.url)
        headers = {name.lower(): _text(value) for name, value in request.headers.items()}
        body = request.body or b""
        assert isinstance(body, bytes | str)
        encoded = body if isinstance(body, bytes) else body.encode()
        origin = f"{parts.scheme}://{parts.netloc}"
        try:
            response = self.line.send(Request(request.method, origin, parts.path, headers, encoded))
        except Unreachable as error:
            raise EndpointConnectionError(endpoint_url=request.url) from error
        return AWSResponse(request.url, response.status, HTTPHeaders(), _Raw(response.body))


class _Raw(BytesIO):
    """The body of a response, as botocore reads it."""

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode()


@cache
def _boto3_session() -> Boto3Session:
    """One session for all: reading the models of the services takes longer than a test."""
    return Boto3Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)


def moto_clients(sdk: str) -> MotoClients | MotoBoto3Clients:
    """Clients of moto, of the SDK that AWS_SDK names."""
    return MotoBoto3Clients() if sdk == "boto3" else MotoClients()


def _is_here(request: Request) -> bool:
    return urlsplit(request.url).hostname == "127.0.0.1"
