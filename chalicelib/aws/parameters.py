"""What a stage keeps in SSM: its secrets and its own addresses, each read once a container."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from chalicelib.domain.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_ssm import SSMClient


class Parameters:
    """The parameters of one stage. A missing one is told by its name."""

    def __init__(self, client: SSMClient, name_of: Callable[[str], str]) -> None:
        self._client = client
        self._name_of = name_of

    @cached_property
    def signing_keys(self) -> tuple[bytes, ...]:
        """The keys of cursors and tickets: the first signs, all verify, so that keys can be rotated."""
        return _split(self._read("signing-keys"))

    @cached_property
    def token_keys(self) -> tuple[bytes, ...]:
        """The keys that HS256 tokens may be signed with; none on a stage that takes no such tokens."""
        try:
            return _split(self._read("token-keys"))
        except Unavailable:
            return ()

    @cached_property
    def websocket_endpoint(self) -> str:
        """The https address that posts to connections go to."""
        return self._read("websocket-endpoint")

    def _read(self, name: str) -> str:
        full_name = self._name_of(name)
        try:
            answer = self._client.get_parameter(Name=full_name, WithDecryption=True)
        except self._client.exceptions.ParameterNotFound:
            raise Unavailable(
                f"The SSM parameter {full_name} is missing: deploy the stage to create it."
            ) from None
        return answer["Parameter"]["Value"]


def _split(keys: str) -> tuple[bytes, ...]:
    return tuple(key.strip().encode() for key in keys.split(",") if key.strip())
