"""A small AWS SDK, and AWS's own behind the same protocols. README.md has the reasons."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chalicelib.aws.sdk.protocols import AwsClients
    from chalicelib.settings import AwsEnvironment


def new_clients(environment: AwsEnvironment, sdk: str) -> AwsClients:
    """Clients of the SDK that AWS_SDK names: "own" or "boto3"."""
    if sdk == "boto3":
        from chalicelib.aws.sdk.boto3_clients import Boto3Clients  # noqa: PLC0415 - half of a cold start

        return Boto3Clients(environment)
    from chalicelib.aws.sdk.clients import Clients  # noqa: PLC0415

    return Clients(environment)
