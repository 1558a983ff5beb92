"""The region and the credentials of the service's requests to AWS."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chalicelib.settings import AwsEnvironment


@dataclass(frozen=True, slots=True)
class Credentials:
    """The keys of an AWS principal."""

    access_key: str
    secret_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class AwsSession:
    """A region, and a function that returns the credentials that are valid now."""

    region: str
    credentials: Callable[[], Credentials]

    @classmethod
    def of(cls, environment: AwsEnvironment) -> AwsSession:
        """The session of the environment variables, as on Lambda; without them, the one that botocore finds.

        Raises: LookupError.
        """
        if environment.region and environment.access_key and environment.secret_key:
            fixed = Credentials(environment.access_key, environment.secret_key, environment.session_token)
            return cls(environment.region, lambda: fixed)
        return _from_botocore(environment.region)


def _from_botocore(region: str | None) -> AwsSession:
    """From the same files, roles and sign-ins as the AWS command line."""
    from botocore.session import Session  # noqa: PLC0415 - takes ten times as long to import as all else

    session = Session()
    found = session.get_credentials()
    region = region or session.get_config_variable("region")
    if found is None or region is None:
        missing = "credentials" if found is None else "region (AWS_REGION)"
        raise LookupError(f"AWS needs to know your {missing}: run `aws configure`")

    def credentials() -> Credentials:
        frozen = found.get_frozen_credentials()  # fresh ones when the old ones are about to expire
        return Credentials(frozen.access_key or "", frozen.secret_key or "", frozen.token)

    return AwsSession(region, credentials)
