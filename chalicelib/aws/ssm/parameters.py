"""The stage's parameters in SSM: its keys and its own addresses."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from chalicelib.domain.errors import Outage, Unavailable

if TYPE_CHECKING:
    from chalicelib.aws.sdk.protocols import SSM

#: Every container reads a changed parameter within this time.
KEPT_SECONDS = 300.0
#: The minimum of RFC 7518, 3.2 for HMAC keys.
KEY_BYTES = 32
#: The detail for callers when a parameter is missing or wrong; the log names it.
_INCOMPLETE = "The service is not set up completely: try again later."


class Parameters:
    """The parameters of one stage, each cached for KEPT_SECONDS."""

    def __init__(
        self, client: SSM, name_of: Callable[[str], str], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._name_of = name_of
        self._clock = clock
        self._kept: dict[str, tuple[str | None, float]] = {}

    @property
    def signing_keys(self) -> tuple[bytes, ...]:
        """The keys of cursors and tickets. The first signs and all verify, so keys can be rotated.

        Raises: Unavailable.
        """
        return self._keys("signing-keys", self._needed("signing-keys"))

    @property
    def token_keys(self) -> tuple[bytes, ...]:
        """The keys of HS256 tokens; none on a stage that does not accept such tokens.

        Raises: Unavailable.
        """
        keys = self._read("token-keys")
        return () if keys is None else self._keys("token-keys", keys)

    @property
    def websocket_endpoint(self) -> str:
        """The https address of the WebSocket API's management API. Raises: Unavailable."""
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
        """The value of the parameter, or None."""
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
        except Outage as error:
            raise Unavailable(
                "A service behind this one did not answer: try again in a moment.",
                inside=f"The SSM parameter {full_name} cannot be read now.",
            ) from error
        return answer["Parameter"]["Value"]
