"""What a request to AWS asks for, and moto's answer to it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Protocol
from urllib.parse import parse_qsl, unquote, urlsplit

from botocore.awsrequest import AWSRequest
from botocore.session import Session
from botocore.validate import validate_parameters
from moto.core.models import botocore_stubber

from chalicelib.aws.sdk.clients import Clients
from chalicelib.aws.sdk.transport import KeptConnections, Request, Response, Transport, Unreachable
from chalicelib.settings import AwsEnvironment
from tests.support.partiql import answered

REGION = "us-east-1"
#: Of an AWS that asks for no true ones.
ENVIRONMENT = AwsEnvironment(region=REGION, access_key="test", secret_key="test")


@dataclass(frozen=True, slots=True)
class Asked:
    """A request in AWS's own words."""

    service: str  #: as botocore calls it
    operation: str
    parameters: dict[str, Any]


def asked(request: Request) -> Asked:
    """What a request asks for."""
    if "/@connections/" in request.path:
        connection_id = unquote(request.path.rpartition("/")[2])
        operation = {"POST": "PostToConnection", "DELETE": "DeleteConnection"}[request.method]
        parameters: dict[str, Any] = {"ConnectionId": connection_id}
        if request.body:
            parameters["Data"] = request.body
        return Asked("apigatewaymanagementapi", operation, parameters)
    target = request.headers.get("x-amz-target")
    if target is None:
        form = dict(parse_qsl(request.body.decode(), keep_blank_values=True))
        return Asked("sns", form.pop("Action"), form)
    api, _, operation = target.partition(".")
    service = {"DynamoDB_20120810": "dynamodb", "AmazonSQS": "sqs", "AmazonSSM": "ssm"}[api]
    return Asked(service, operation, json.loads(request.body))


@cache
def _arguments(service: str, operation: str) -> Any:
    """What botocore knows of an operation's arguments."""
    session = Session()
    return session.get_service_model(service).operation_model(operation).input_shape


class OneByOne(Transport):
    """A transport that brings requests one after the other."""

    def send_all(self, requests: Sequence[Request]) -> list[Response | Unreachable]:
        """The answers, in order."""
        return [self._tried(request) for request in requests]

    def _tried(self, request: Request) -> Response | Unreachable:
        try:
            return self.send(request)
        except Unreachable as error:
            return error


class Moto(OneByOne):
    """Brings requests that botocore's models allow to moto; those to a server on this machine, to that."""

    def __init__(self) -> None:
        self._here = KeptConnections(connect_seconds=1, read_seconds=2)

    def send_all(self, requests: Sequence[Request]) -> list[Response | Unreachable]:
        """The answers, in order."""
        here = bool(requests) and _is_here(requests[0])
        return self._here.send_all(requests) if here else super().send_all(requests)

    def send(self, request: Request) -> Response:
        """moto's answer. Raises: Unreachable."""
        if _is_here(request):
            return self._here.send(request)
        found = asked(request)
        if found.service in ("dynamodb", "sqs", "ssm"):
            validate_parameters(found.parameters, _arguments(found.service, found.operation))
        return answered(request, self._answer)

    @staticmethod
    def _answer(request: Request) -> Response:
        prepared = AWSRequest(
            method=request.method, url=request.url, headers=request.headers, data=request.body
        ).prepare()
        answer = botocore_stubber.process_request(prepared)
        assert answer is not None, f"moto does not know {request.url}"
        status, _, body = answer
        return Response(status, body if isinstance(body, bytes) else body.encode())


Send = Callable[[Request], Response]


class Tap(Protocol):
    """Sees a request and how to send it on."""

    def __call__(self, request: Request, send: Send) -> Response:
        """The answer."""


class Line(OneByOne):
    """A transport with taps, each of which answers a request, mostly by sending it on."""

    def __init__(self, transport: Transport) -> None:
        self.taps: list[Tap] = []
        self._transport = transport

    def send(self, request: Request) -> Response:
        """The answer, after all taps."""
        send: Send = self._transport.send
        for tap in self.taps:
            send = partial(tap, send=send)
        return send(request)

    def send_all(self, requests: Sequence[Request]) -> list[Response | Unreachable]:
        """The answers, in order; side by side when nobody listens."""
        return super().send_all(requests) if self.taps else self._transport.send_all(requests)


class MotoClients(Clients):
    """Clients of moto, on a line of their own. They do not wait before they try again."""

    def __init__(self) -> None:
        self.line = Line(Moto())
        super().__init__(ENVIRONMENT, transport=self.line, wait=lambda seconds: None)


def _is_here(request: Request) -> bool:
    return urlsplit(request.url).hostname == "127.0.0.1"
