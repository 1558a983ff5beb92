"""What a stage keeps in SSM: its secrets and its own addresses."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from chalicelib.aws.sdk.client import ServiceError, is_outage
from chalicelib.aws.sdk.transport import Unreachable
from chalicelib.domain.errors import Unavailable

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

#: A changed key or address is noticed within this by every container.
KEPT_SECONDS = 300.0
#: A shorter HMAC key can be guessed (RFC 7518, 3.2).
KEY_BYTES = 32
#: What callers are told of a stage whose parameters are not as they must be; the logs say which.
_INCOMPLETE = "The service is not set up completely: try again later."


class Parameters:
    """The parameters of one stage, each kept for KEPT_SECONDS."""

    def __init__(
        self, client: SSMClient, name_of: Callable[[str], str], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._name_of = name_of
        self._clock = clock
        self._kept: dict[str, tuple[str | None, float]] = {}

    @property
    def signing_keys(self) -> tuple[bytes, ...]:
        """The keys of cursors and tickets: the first signs, all verify, so that keys can be rotated.

        Raises: Unavailable.
        """
        return self._keys("signing-keys", self._needed("signing-keys"))

    @property
    def token_keys(self) -> tuple[bytes, ...]:
        """The keys that HS256 tokens may be signed with; none on a stage that takes no such tokens.

        Raises: Unavailable.
        """
        keys = self._read("token-keys")
        return () if keys is None else self._keys("token-keys", keys)

    @property
    def websocket_endpoint(self) -> str:
        """The https address that posts to connections go to. Raises: Unavailable."""
        return self._needed("websocket-endpoint")

    def _keys(self, name: str, text: str) -> tuple[bytes, ...]:
        keys = tuple(key.strip().encode() for key in text.split(",") if key.strip())
        if not keys or min(map(len, keys)) < KEY_BYTES:
            raise Unavailable(
                _INCOMPLETE,
                inside=f"The SSM parameter {self._name_of(name)} needs keys of {KEY_BYTES} bytes or more.",
            )
        return keys

    def _needed(self, name: str) -> str:
        value = self._read(name)
        if value is None:
            raise Unavailable(
                _INCOMPLETE,
                inside=f"The SSM parameter {self._name_of(name)} is missing: deploy the stage to create it.",
            )
        return value

    def _read(self, name: str) -> str | None:
        """The parameter's value; None when there is none."""
        value, until = self._kept.get(name, (None, 0.0))
        if self._clock() >= until:
            value = self._fetched(self._name_of(name))
            self._kept[name] = value, self._clock() + KEPT_SECONDS
        return value

    def _fetched(self, full_name: str) -> str | None:
        try:
            answer = self._client.get_parameter(Name=full_name, WithDecryption=True)
        except self._client.exceptions.ParameterNotFound:
            return None
        except (ServiceError, Unreachable) as error:
            if not is_outage(error):
                raise
            raise Unavailable(
                "A service behind this one did not answer: try again in a moment.",
                inside=f"The SSM parameter {full_name} cannot be read now.",
            ) from error
        return answer["Parameter"]["Value"]
