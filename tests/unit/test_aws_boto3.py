"""AWS's own SDK behind the same protocols: its errors are those of the small SDK."""

from __future__ import annotations

import json

import pytest

from chalicelib.aws.sdk import new_clients
from chalicelib.aws.sdk.boto3_clients import Boto3Clients
from chalicelib.aws.sdk.client import ServiceError
from chalicelib.aws.sdk.clients import Clients
from chalicelib.aws.sdk.protocols import DynamoDB
from chalicelib.aws.sdk.transport import Request, Response, Unreachable
from chalicelib.domain.connection import ConnectionGone, SendFailed
from chalicelib.domain.errors import Outage
from chalicelib.settings import Settings, SettingsError
from tests.support.aws_requests import ENVIRONMENT, MotoBoto3Clients, Send


def answered_with(reply: Response | Unreachable) -> MotoBoto3Clients:
    """Clients that send each request once, and get this reply."""
    clients = MotoBoto3Clients(attempts=1)

    def answer(request: Request, send: Send) -> Response:
        if isinstance(reply, Unreachable):
            raise reply
        return reply

    clients.line.taps.append(answer)
    return clients


def dynamodb(reply: Response | Unreachable) -> DynamoDB:
    return answered_with(reply).dynamodb


def refusal(status: int, code: str, **more: object) -> Response:
    return Response(status, json.dumps({"__type": f"com.amazonaws#{code}", **more}).encode())


@pytest.mark.parametrize(
    "trouble",
    [
        Unreachable("lost"),
        refusal(500, "InternalServerError"),
        refusal(400, "ThrottlingException"),
        refusal(400, "ProvisionedThroughputExceededException"),
    ],
    ids=repr,
)
def test_an_aws_that_does_not_answer_is_an_outage(trouble: Response | Unreachable) -> None:
    with pytest.raises(Outage):
        dynamodb(trouble).put_item(TableName="t", Item={})


def test_a_refused_condition_has_its_class_and_the_row() -> None:
    row = {"pk": {"S": "1"}}
    client = dynamodb(refusal(400, "ConditionalCheckFailedException", message="no", Item=row))
    with pytest.raises(client.exceptions.ConditionalCheckFailedException) as refused:
        client.put_item(TableName="t", Item={})
    assert refused.value.response["Item"] == row


def test_a_permanent_refusal_is_no_outage() -> None:
    with pytest.raises(ServiceError, match=r"PutItem: ValidationException \(400\) no"):
        dynamodb(refusal(400, "ValidationException", message="no")).put_item(TableName="t", Item={})


@pytest.mark.parametrize(
    ("status", "failure"), [(200, type(None)), (410, ConnectionGone), (403, SendFailed), (500, SendFailed)]
)
def test_a_frame_arrives_or_fails_with_the_reason(status: int, failure: type) -> None:
    connections = answered_with(Response(status, b"")).connections("https://api.test/prod")
    assert [type(each) for each in connections.post_all([("c1", b"{}"), ("c2", b"{}")])] == [failure] * 2
    assert type(connections.delete("c1")) is failure


def test_a_setting_chooses_the_sdk() -> None:
    assert isinstance(new_clients(ENVIRONMENT, Settings.from_env({}).aws_sdk), Clients)
    chosen = Settings.from_env({"AWS_SDK": "boto3"}).aws_sdk
    assert isinstance(new_clients(ENVIRONMENT, chosen), Boto3Clients)
    with pytest.raises(SettingsError, match="one of own, boto3 is needed"):
        Settings.from_env({"AWS_SDK": "rust"})
