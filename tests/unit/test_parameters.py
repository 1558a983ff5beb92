"""A stage's parameters in SSM: cached for some minutes, so that keys can be rotated."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from moto import mock_aws

from chalicelib.aws.sdk.transport import Request, Response, Unreachable
from chalicelib.aws.ssm.parameters import KEPT_SECONDS, Parameters
from chalicelib.domain.errors import Unavailable
from testing.kit import shared_session
from tests.support.aws_requests import MotoClients, Send, parsed_call

OLD, NEW = "o" * 32, "n" * 32


class Stage:
    """A parameter store with a clock."""

    def __init__(self) -> None:
        clients = MotoClients()
        self.line = clients.line
        self.now = 1000.0
        self.reads = 0
        self.parameters = Parameters(clients.ssm, lambda name: f"/task-service/test/{name}", lambda: self.now)
        self.line.taps.append(self._count)

    def _count(self, request: Request, send: Send) -> Response:
        self.reads += parsed_call(request).operation == "GetParameter"
        return send(request)

    def put(self, name: str, value: str) -> None:
        shared_session().create_client("ssm").put_parameter(
            Name=f"/task-service/test/{name}", Value=value, Type="SecureString", Overwrite=True
        )


@pytest.fixture
def stage() -> Iterator[Stage]:
    with mock_aws():
        yield Stage()


def test_a_parameter_is_read_once_for_many_requests(stage: Stage) -> None:
    stage.put("signing-keys", OLD)
    assert {stage.parameters.signing_keys for _ in range(5)} == {(OLD.encode(),)}
    assert stage.reads == 1


def test_a_missing_parameter_is_read_once_for_many_requests(stage: Stage) -> None:
    assert {stage.parameters.token_keys for _ in range(5)} == {()}
    assert stage.reads == 1


def test_rotated_keys_are_read_within_five_minutes(stage: Stage) -> None:
    stage.put("token-keys", OLD)
    assert stage.parameters.token_keys == (OLD.encode(),)
    stage.put("token-keys", f"{NEW}, {OLD}")
    stage.now += KEPT_SECONDS - 1
    assert stage.parameters.token_keys == (OLD.encode(),)
    stage.now += 1
    assert stage.parameters.token_keys == (NEW.encode(), OLD.encode())


@pytest.mark.parametrize("name", ["signing_keys", "websocket_endpoint"])
def test_an_error_names_the_missing_parameter(stage: Stage, name: str) -> None:
    with pytest.raises(Unavailable, match=name.replace("_", "-")):
        getattr(stage.parameters, name)


@pytest.mark.parametrize("value", ["short", f"{NEW},short", ",", " "])
def test_a_weak_key_is_refused_without_being_shown(stage: Stage, value: str) -> None:
    for name in ("signing", "token"):
        stage.put(f"{name}-keys", value)
        with pytest.raises(Unavailable) as refused:
            getattr(stage.parameters, f"{name}_keys")
        assert "short" not in str(refused.value)


def test_a_parameter_store_that_does_not_answer_is_an_outage(stage: Stage) -> None:
    def fail(request: Request, send: Send) -> Response:
        raise Unreachable(request.url)

    stage.line.taps.append(fail)
    with pytest.raises(Unavailable):
        _ = stage.parameters.token_keys
