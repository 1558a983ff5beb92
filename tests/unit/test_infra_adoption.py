"""Roles are the whole account's, a stage is one region's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.session import Session
from chalice.awsclient import TypedAWSClient
from chalice.deploy import models
from moto import mock_aws

from infra.deployer.adoption import adopt, home
from infra.errors import BadInput

NAME = "task-service-dev-sweep"
TRUST = json.dumps({"Version": "2012-10-17", "Statement": []})


@pytest.fixture
def iam() -> Iterator[Any]:
    with mock_aws():
        yield boto3.client("iam")


def roles(*, wanted: bool) -> list[str]:
    role: Any = models.ManagedIAMRole(
        resource_name="sweep_role", role_name=NAME, trust_policy={}, policy=models.AutoGenIAMPolicy({})
    )
    found = adopt(TypedAWSClient(Session()), "dev", [role] if wanted else [], [])
    return [each["name"] for each in found]


def test_a_role_of_this_region_is_found(iam: Any) -> None:
    iam.create_role(RoleName=NAME, AssumeRolePolicyDocument=TRUST, Description=home("us-east-1"))
    assert roles(wanted=True) == ["sweep_role"]
    assert roles(wanted=False) == [f"orphan:role:{NAME}"]


def test_one_of_another_region_is_never_deleted_from_here(iam: Any) -> None:
    iam.create_role(RoleName=NAME, AssumeRolePolicyDocument=TRUST, Description=home("eu-west-1"))
    assert roles(wanted=False) == []


def test_nor_is_it_shared(iam: Any) -> None:
    iam.create_role(RoleName=NAME, AssumeRolePolicyDocument=TRUST, Description=home("eu-west-1"))
    with pytest.raises(BadInput, match=r"task-service in eu-west-1.*give the stage another name here"):
        roles(wanted=True)
