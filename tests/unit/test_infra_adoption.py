"""All regions of an account share its roles, but a stage is deployed in one region."""

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

from infra.deployer.adoption import adopt, role_description
from infra.errors import BadInput

NAME = "task-service-dev-sweep"
TRUST = json.dumps({"Version": "2012-10-17", "Statement": []})


@pytest.fixture
def iam() -> Iterator[Any]:
    with mock_aws():
        yield boto3.client("iam")


def adopted_roles(*, app_has_it: bool) -> list[str]:
    role: Any = models.ManagedIAMRole(
        resource_name="sweep_role", role_name=NAME, trust_policy={}, policy=models.AutoGenIAMPolicy({})
    )
    entries = adopt(TypedAWSClient(Session()), "dev", [role] if app_has_it else [], [])
    return [each["name"] for each in entries]


def test_a_role_of_this_region_is_found(iam: Any) -> None:
    iam.create_role(RoleName=NAME, AssumeRolePolicyDocument=TRUST, Description=role_description("us-east-1"))
    assert adopted_roles(app_has_it=True) == ["sweep_role"]
    assert adopted_roles(app_has_it=False) == [f"orphan:role:{NAME}"]


def test_a_role_of_another_region_is_never_deleted(iam: Any) -> None:
    iam.create_role(RoleName=NAME, AssumeRolePolicyDocument=TRUST, Description=role_description("eu-west-1"))
    assert adopted_roles(app_has_it=False) == []


def test_a_role_of_another_region_is_not_shared(iam: Any) -> None:
    iam.create_role(RoleName=NAME, AssumeRolePolicyDocument=TRUST, Description=role_description("eu-west-1"))
    with pytest.raises(BadInput, match=r"task-service in eu-west-1.*give the stage another name here"):
        adopted_roles(app_has_it=True)
