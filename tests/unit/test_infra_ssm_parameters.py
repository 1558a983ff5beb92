"""The parameters that the functions read are created, and an existing key stays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from moto import mock_aws

from infra.stacks.ssm_parameters import put_signing_keys, put_websocket_endpoint
from testing.kit import shared_session

KEYS = "/task-service/dev/signing-keys"
ENDPOINT = "/task-service/dev/websocket-endpoint"


@pytest.fixture
def ssm() -> Iterator[Any]:
    with mock_aws():
        yield shared_session().create_client("ssm")


def read(ssm: Any, name: str) -> dict[str, Any]:
    parameter: dict[str, Any] = ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]
    return parameter


def test_a_new_stage_gets_a_random_key_that_is_kept_secret(ssm: Any) -> None:
    put_signing_keys(lambda _: ssm, "dev")
    parameter = read(ssm, KEYS)
    assert parameter["Type"] == "SecureString"
    assert len(parameter["Value"]) >= 43  # 32 bytes in base64


def test_a_key_is_not_replaced_by_the_next_deployment(ssm: Any) -> None:
    put_signing_keys(lambda _: ssm, "dev")
    before = read(ssm, KEYS)["Value"]
    put_signing_keys(lambda _: ssm, "dev")
    assert read(ssm, KEYS)["Value"] == before


def test_two_stages_have_different_keys(ssm: Any) -> None:
    for stage in ("dev", "prod"):
        put_signing_keys(lambda _: ssm, stage)
    assert read(ssm, KEYS)["Value"] != read(ssm, KEYS.replace("dev", "prod"))["Value"]


def test_the_websocket_address_follows_the_deployment(ssm: Any) -> None:
    put_websocket_endpoint(lambda _: ssm, "dev", "https://old.example")
    put_websocket_endpoint(lambda _: ssm, "dev", "https://new.example")
    assert read(ssm, ENDPOINT)["Value"] == "https://new.example"
