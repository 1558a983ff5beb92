"""Owners' secrets, by name, each bound to the hosts that it is for.

An operator stores one in SSM:

    aws ssm put-parameter --type SecureString --name /task-service/prod/secrets/OWNER/NAME \\
        --value '{"value": "whsec_...", "hosts": ["example.com"]}'

A task names the secret; its value appears in no payload, row, result or log.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pydantic import BaseModel, SecretStr, ValidationError

from chalicelib.domain.outcomes import Rejected

if TYPE_CHECKING:
    from chalicelib.aws.sdk.protocols import SSM

#: A changed or deleted secret stays in use for at most this long.
KEPT_SECONDS = 300.0
_KEPT_AT_MOST = 256
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_NOT_IN_A_PARAMETER_NAME = re.compile(rb"[^A-Za-z0-9.-]")


class _Stored(BaseModel):
    """The JSON of a parameter."""

    value: SecretStr
    hosts: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Kept:
    secret: _Stored = field(repr=False)
    until: float


class Secrets:
    """The secrets of one stage, read when first used and cached for KEPT_SECONDS."""

    def __init__(
        self, client: SSM, name_of: Callable[[str], str], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._name_of = name_of
        self._clock = clock
        self._kept: dict[str, _Kept] = {}

    def get(self, owner: str, name: str, host: str) -> str:
        """The value of the owner's secret called `name`, for a request to `host`.

        Raises: Rejected when the owner has no such secret, or it is not for that host.
        """
        if not _NAME.fullmatch(name):
            raise Rejected(f"{name[:64]!r} cannot be the name of a secret")
        secret = self._find(self._name_of(f"secrets/{_escaped(owner)}/{name}"), name)
        if host.lower() not in {each.lower() for each in secret.hosts}:
            raise Rejected(f"the secret {name!r} is not for {host}")
        return secret.value.get_secret_value()

    def _find(self, parameter: str, name: str) -> _Stored:
        kept = self._kept.get(parameter)
        if kept is not None and self._clock() < kept.until:
            return kept.secret
        secret = self._read(parameter, name)
        if len(self._kept) >= _KEPT_AT_MOST:
            self._kept.clear()
        self._kept[parameter] = _Kept(secret, self._clock() + KEPT_SECONDS)
        return secret

    def _read(self, parameter: str, name: str) -> _Stored:
        try:
            answer = self._client.get_parameter(Name=parameter, WithDecryption=True)
        except self._client.exceptions.ParameterNotFound:
            raise Rejected(f"there is no secret {name!r}") from None
        try:
            return _Stored.model_validate_json(answer["Parameter"]["Value"])
        except ValidationError:
            # The text and pydantic's message both contain the value, so neither may be shown.
            raise Rejected(f'the secret {name!r} is not stored as {{"value": ..., "hosts": [...]}}') from None


def _escaped(owner: str) -> str:
    """The owner as one level of a parameter name: other characters, also "_" and "/", become _XX."""
    return _NOT_IN_A_PARAMETER_NAME.sub(lambda found: b"_%02X" % found[0][0], owner.encode()).decode()
