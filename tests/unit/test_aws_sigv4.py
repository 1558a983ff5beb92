"""Requests and signatures equal botocore's."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from botocore.auth import SIGV4_TIMESTAMP, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as TheirCredentials
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.aws.sdk.clients import Clients
from chalicelib.aws.sdk.credentials import Credentials
from chalicelib.aws.sdk.sigv4 import Signer
from chalicelib.aws.sdk.transport import Request, Response
from chalicelib.aws.sns import Alerts
from chalicelib.aws.websocket import Sockets
from chalicelib.settings import AwsEnvironment
from testing.kit import shared_session
from tests.support.aws_requests import OneByOne

NOW = datetime(2026, 11, 24, 23, 59, 59, tzinfo=UTC)
KEY = {"S": "task#ada#00"}
TEXT = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)
#: Of a path's parts. Which of them are "." or empty is not looked at: the service asks for no such path.
MARKS = set("@=+-_~aB3ü ")


class _SigV4At(SigV4Auth):
    """botocore's signer at a fixed time."""

    def add_auth(self, request: Any) -> None:
        request.context["timestamp"] = NOW.strftime(SIGV4_TIMESTAMP)
        self._modify_request_before_signing(request)
        signature = self.signature(self.string_to_sign(request, self.canonical_request(request)), request)
        self._inject_signature_to_request(request, signature)


def botocores(request: Request, credentials: Credentials, service: str, region: str) -> str:
    """botocore's authorization of the same request."""
    theirs = AWSRequest(request.method, request.url, data=request.body)
    for name, value in request.headers.items():
        if name not in ("authorization", "x-amz-date", "x-amz-security-token", "host"):
            theirs.headers[name] = value
    secret = TheirCredentials(credentials.access_key, credentials.secret_key, credentials.session_token)
    _SigV4At(secret, service, region).add_auth(theirs)
    return str(theirs.headers["Authorization"])


@settings(deadline=None)
@given(
    service=st.sampled_from(["dynamodb", "sqs", "execute-api"]),
    region=st.sampled_from(["us-east-1", "eu-central-1", "cn-north-1"]),
    path=st.lists(st.text(sorted(MARKS), min_size=1, max_size=9), max_size=4).map("/".join),
    headers=st.dictionaries(st.sampled_from(["content-type", "x-amz-target"]), TEXT),
    body=st.binary(max_size=200),
    credentials=st.builds(Credentials, TEXT, TEXT, st.none() | TEXT),
)
def test_a_signature_equals_botocores(
    *,
    service: str,
    region: str,
    path: str,
    headers: dict[str, str],
    body: bytes,
    credentials: Credentials,
) -> None:
    origin, encoded = "https://aws.example:8443", "/" + quote(path, safe="@")
    signed = Signer(service, region).signed(
        "POST", encoded, {"host": "aws.example:8443", **headers}, body, credentials=credentials, now=NOW
    )
    request = Request("POST", origin, encoded, signed, body)
    assert signed["authorization"] == botocores(request, credentials, service, region)


class _Kept(OneByOne):
    """Keeps requests, and returns minimal responses."""

    def __init__(self, body: bytes = b"{}") -> None:
        self.sent: list[Request] = []
        self._body = body

    def send(self, request: Request) -> Response:
        self.sent.append(request)
        return Response(200, self._body)


ENVIRONMENT = AwsEnvironment(region="us-east-1", access_key="key", secret_key="secret", session_token="token")

#: One call of each operation that the service uses, each kind of argument among them.
CALLS: list[tuple[str, str, dict[str, Any]]] = [
    ("dynamodb", "get_item", {"TableName": "t", "Key": {"pk": KEY}, "ConsistentRead": True}),
    ("dynamodb", "put_item", {"TableName": "t", "Item": {"pk": KEY, "n": {"N": "1.5"}, "b": {"BOOL": True}}}),
    ("dynamodb", "update_item", {"TableName": "t", "Key": {"pk": KEY}, "UpdateExpression": "SET a = :ü"}),
    ("dynamodb", "delete_item", {"TableName": "t", "Key": {"pk": KEY}, "ReturnValues": "ALL_OLD"}),
    ("dynamodb", "query", {"TableName": "t", "Limit": 3, "ExclusiveStartKey": {"pk": KEY}}),
    ("dynamodb", "batch_get_item", {"RequestItems": {"t": {"Keys": [{"pk": KEY}], "ConsistentRead": True}}}),
    ("dynamodb", "batch_write_item", {"RequestItems": {"t": [{"PutRequest": {"Item": {"pk": KEY}}}]}}),
    ("dynamodb", "batch_execute_statement", {"Statements": [{"Statement": "s", "Parameters": [KEY]}]}),
    ("dynamodb", "transact_write_items", {"TransactItems": [], "ClientRequestToken": "token"}),
    ("sqs", "get_queue_url", {"QueueName": "q"}),
    ("sqs", "send_message", {"QueueUrl": "https://sqs/q", "MessageBody": "{}", "DelaySeconds": 0}),
    (
        "sqs",
        "send_message_batch",
        {"QueueUrl": "https://sqs/q", "Entries": [{"Id": "0", "DelaySeconds": 1}]},
    ),
    ("sqs", "receive_message", {"QueueUrl": "https://sqs/q", "MessageAttributeNames": ["All"]}),
    ("sqs", "delete_message_batch", {"QueueUrl": "https://sqs/q", "Entries": []}),
    ("sqs", "change_message_visibility", {"QueueUrl": "https://sqs/q", "VisibilityTimeout": 3}),
    ("sqs", "get_queue_attributes", {"QueueUrl": "https://sqs/q", "AttributeNames": ["All"]}),
    ("ssm", "get_parameter", {"Name": "/a/b", "WithDecryption": True}),
]


@pytest.mark.parametrize(("service", "method", "parameters"), CALLS, ids=[name for _, name, _ in CALLS])
def test_the_request_of_an_operation_equals_botocores(
    service: str, method: str, parameters: dict[str, Any]
) -> None:
    transport = _Kept()
    getattr(getattr(Clients(ENVIRONMENT, transport=transport), service), method)(**parameters)
    (ours,) = transport.sent

    client: Any = shared_session().create_client(service, "us-east-1")
    model = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[method])
    unchecked = client._serializer  # the arguments are pieces of true ones: botocore would miss the rest
    theirs = getattr(unchecked, "_serializer", unchecked).serialize_to_request(parameters, model)
    assert ours.url == client.meta.endpoint_url + theirs["url_path"]
    assert ours.method == theirs["method"]
    assert json.loads(ours.body) == json.loads(theirs["body"])
    sent = {name.lower(): value for name, value in theirs["headers"].items()}
    assert (ours.headers["x-amz-target"], ours.headers["content-type"]) == (
        sent["x-amz-target"],
        sent["content-type"],
    )
    assert ours.headers["host"] == urlsplit(client.meta.endpoint_url).netloc
    assert ours.headers["x-amz-security-token"] == "token"


def test_the_request_of_a_frame_equals_botocores() -> None:
    transport = _Kept(b"")
    clients = Clients(ENVIRONMENT, transport=transport)
    sockets = Sockets(clients.connections, lambda: "https://api.example/prod")
    sockets.send("L0SM9cOFvHcCIhw=", "{}")
    sockets.close("L0SM9cOFvHcCIhw=")
    client: Any = shared_session().create_client("apigatewaymanagementapi", "us-east-1")
    for ours, operation in zip(transport.sent, ("PostToConnection", "DeleteConnection"), strict=True):
        model = client.meta.service_model.operation_model(operation)
        data = {"Data": b"{}"} if operation.startswith("Post") else {}
        theirs = client._serializer.serialize_to_request({"ConnectionId": "L0SM9cOFvHcCIhw=", **data}, model)
        assert (ours.method, ours.path) == (theirs["method"], "/prod" + theirs["url_path"])
        assert ours.body == theirs["body"]


def test_the_request_of_an_alert_equals_botocores() -> None:
    transport = _Kept(b"<R><TopicArn>arn:aws:sns:us-east-1:1:a&amp;b</TopicArn></R>")
    Alerts(Clients(ENVIRONMENT, transport=transport).sns, "alerts").publish("dead: ü", "1 + 1 = 2 & more")
    client: Any = shared_session().create_client("sns", "us-east-1")
    calls = {
        "CreateTopic": {"Name": "alerts"},
        "Publish": {
            "TopicArn": "arn:aws:sns:us-east-1:1:a&b",
            "Subject": "dead: ü",
            "Message": "1 + 1 = 2 & more",
        },
    }
    for ours, (operation, parameters) in zip(transport.sent, calls.items(), strict=True):
        theirs = client._serializer.serialize_to_request(
            parameters, client.meta.service_model.operation_model(operation)
        )
        form = AWSRequest("POST", "https://sns.example", data=theirs["body"]).prepare().body
        assert ours.url == client.meta.endpoint_url + theirs["url_path"]
        assert sorted(ours.body.split(b"&")) == sorted(form.encode().split(b"&"))
        assert ours.headers["content-type"] == theirs["headers"]["Content-Type"]


@pytest.mark.parametrize(
    ("region", "url"),
    [
        ("eu-central-1", "https://sqs.eu-central-1.amazonaws.com"),
        ("cn-north-1", "https://sqs.cn-north-1.amazonaws.com.cn"),
    ],
)
def test_the_endpoint_of_a_service_equals_botocores(region: str, url: str) -> None:
    transport = _Kept()
    there = AwsEnvironment(region=region, access_key="key", secret_key="secret")
    Clients(there, transport=transport).sqs.get_queue_url(QueueName="q")
    assert transport.sent[0].origin == url
    client: Any = shared_session().create_client("sqs", region)
    assert client.meta.endpoint_url == url
