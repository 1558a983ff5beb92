"""As whom the service speaks to AWS, and in which region."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chalicelib.aws.sdk.sigv4 import Credentials

if TYPE_CHECKING:
    from chalicelib.settings import AwsEnvironment


@dataclass(frozen=True, slots=True)
class Identity:
    """A region, and the credentials that are good now."""

    region: str
    credentials: Callable[[], Credentials]

    @classmethod
    def of(cls, environment: AwsEnvironment) -> Identity:
        """What the environment says, as on Lambda; where it does not, what botocore finds on the machine."""
        if environment.region and environment.access_key and environment.secret_key:
            known = Credentials(environment.access_key, environment.secret_key, environment.session_token)
            return cls(environment.region, lambda: known)
        return _of_the_machine(environment.region)


def _of_the_machine(region: str | None) -> Identity:
    """From the files, roles and sign-ins that the AWS command line uses, too. Raises: LookupError."""
    from botocore.session import Session  # noqa: PLC0415 - takes ten times as long as all else to import

    session = Session()
    found = session.get_credentials()
    region = region or session.get_config_variable("region")
    if found is None or region is None:
        missing = "credentials" if found is None else "region (AWS_REGION)"
        raise LookupError(f"AWS needs to know your {missing}: run `aws configure`")

    def credentials() -> Credentials:
        frozen = found.get_frozen_credentials()  # fresh ones when the old ones are about to end
        return Credentials(frozen.access_key or "", frozen.secret_key or "", frozen.token)

    return Identity(region, credentials)
