"""The client retries, and raises errors, when AWS does not answer or refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.aws.sdk.client import Endpoint, ServiceError, error_type
from chalicelib.aws.sdk.clients import Clients
from chalicelib.aws.sdk.credentials import AwsSession
from chalicelib.aws.sdk.transport import Request, Response, Unreachable
from chalicelib.aws.sns import Alerts
from chalicelib.domain.errors import Outage
from tests.support.aws_requests import ENVIRONMENT, OneByOne

Reply = Response | Unreachable


class Scripted(OneByOne):
    """Returns the replies in order."""

    def __init__(self, *replies: Reply) -> None:
        self.replies = list(replies)
        self.sent: list[Request] = []

    def send(self, request: Request) -> Response:
        self.sent.append(request)
        reply = self.replies.pop(0)
        if isinstance(reply, Unreachable):
            raise reply
        return reply


def refusal(status: int, code: str, **more: Any) -> Response:
    return Response(status, json.dumps({"__type": f"com.amazonaws#{code}", **more}).encode())


def put(*replies: Reply) -> tuple[Callable[[], Any], Scripted, list[float]]:
    """A write with these replies, its transport, and the waits between its attempts."""
    transport, waits = Scripted(*replies), list[float]()
    client = Clients(ENVIRONMENT, transport=transport, wait=waits.append).dynamodb
    return lambda: client.put_item(TableName="t", Item={}), transport, waits


FINE = Response(200, b'{"Attributes": {}}')
LOST = Unreachable("lost")


@pytest.mark.parametrize(
    "trouble",
    [
        LOST,
        Response(503, b"<html>later</html>"),
        Response(503, b'"Service Unavailable"'),
        Response(502, b"null"),
        Response(200, b"<html>welcome</html>"),
        refusal(429, "TooManyRequestsException"),
        refusal(500, "InternalServerError"),
        refusal(400, "ThrottlingException"),
        refusal(400, "ProvisionedThroughputExceededException"),
        refusal(400, "RequestLimitExceeded"),
        refusal(400, "TransactionConflictException"),
    ],
    ids=repr,
)
def test_a_temporary_failure_is_retried(trouble: Reply) -> None:
    act, transport, waits = put(trouble, trouble, trouble, FINE)
    assert act() == {"Attributes": {}}
    assert len(transport.sent) == 4
    assert len(waits) == 3
    assert transport.sent[0].body == transport.sent[3].body


@pytest.mark.parametrize(
    ("trouble", "reason"), [(LOST, "lost"), (refusal(500, "InternalServerError"), "InternalServerError")]
)
def test_after_four_attempts_it_is_an_outage(trouble: Reply, reason: str) -> None:
    act, transport, _ = put(*[trouble] * 4)
    with pytest.raises(Outage, match=reason):
        act()
    assert not transport.replies


@pytest.mark.parametrize(
    "code", ["ValidationException", "AccessDeniedException", "ResourceNotFoundException"]
)
def test_a_permanent_refusal_is_no_outage(code: str) -> None:
    act, transport, _ = put(refusal(400, code))
    with pytest.raises(error_type(code)):
        act()
    assert not transport.replies


def test_waits_grow_and_are_longest_when_throttled() -> None:
    longest = []
    for trouble in (LOST, refusal(400, "ThrottlingException")):
        transport, waits = Scripted(*[trouble] * 3, FINE), list[float]()
        session = AwsSession.of(ENVIRONMENT)
        endpoint = Endpoint(
            service="sns",
            origin="https://sns.test",
            session=session,
            transport=transport,
            wait=waits.append,
            draw=lambda: 1.0,
        )
        endpoint.call("Publish", {}, b"", json.loads)
        longest.append(waits)
    assert longest == [[0.1, 0.2, 0.4], [0.5, 1.0, 2.0]]


def test_a_refusal_is_raised_at_once_with_its_fields() -> None:
    refused = refusal(400, "ConditionalCheckFailedException", message="no", Item={"pk": {"S": "1"}})
    act, transport, waits = put(refused)
    with pytest.raises(ServiceError, match=r"PutItem: ConditionalCheckFailedException \(400\) no") as refused:
        act()
    assert isinstance(refused.value, error_type("ConditionalCheckFailedException"))
    assert refused.value.response["Item"] == {"pk": {"S": "1"}}
    assert (len(transport.sent), waits) == (1, [])


def test_each_error_code_has_its_own_class() -> None:
    client: Any = Clients(ENVIRONMENT, transport=Scripted(refusal(400, "ValidationException"))).dynamodb
    with pytest.raises(client.exceptions.ValidationException) as refused:
        client.put_item(TableName="t", Item={})
    assert not isinstance(refused.value, client.exceptions.ConditionalCheckFailedException)


def test_an_alert_that_is_refused_names_the_reason() -> None:
    xml = b"<R><Error><Code>AuthorizationError</Code><Message>not you</Message></Error></R>"
    alerts = Alerts(Clients(ENVIRONMENT, transport=Scripted(Response(403, xml))).sns, "alerts")
    with pytest.raises(ServiceError, match=r"AuthorizationError.*not you"):
        alerts.publish("subject", "message")
