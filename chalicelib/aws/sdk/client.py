"""A client of AWS that is small and quick to load, and is called as botocore's clients are.

It speaks the protocol of services whose requests and answers are JSON as it is on the wire: DynamoDB, SQS
and SSM. Arguments and answers are botocore's, and have its types for the type checker; a test holds each
request against botocore's own. What it leaves out: validation, paginators, waiters, timestamps, bytes.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any

from chalicelib.aws.sdk.credentials import Identity
from chalicelib.aws.sdk.sigv4 import Signer
from chalicelib.aws.sdk.transport import Request, Response, Transport, Unreachable

#: A request is sent this often before its failure is told.
ATTEMPTS = 4
#: The most seconds before the second attempt; twice as many before each next one (full jitter).
_BACKOFF_SECONDS = 0.1
_THROTTLED_SECONDS = 0.5
#: Errors of status 400 that say "later".
_THROTTLED = frozenset(
    {
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "Throttling",
        "ThrottlingException",
        "TransactionConflictException",
        "TransactionInProgressException",
    }
)


class ServiceError(Exception):
    """A service refused a request. Its classes are named after AWS's codes: see `error_type`."""

    def __init__(self, operation: str, code: str, status: int, response: dict[str, Any]) -> None:
        told = response.get("message") or response.get("Message") or ""
        super().__init__(f"{operation}: {code} ({status}) {told}".rstrip())
        self.code = code
        self.status = status
        self.response = response  #: what the service says besides: Item, CancellationReasons

    @property
    def temporary(self) -> bool:
        """May the same request be served later? A success that cannot be read says as little as a failure."""
        return not 300 <= self.status < 500 or self.status in (408, 429) or self.code in _THROTTLED


@cache
def error_type(code: str) -> type[ServiceError]:
    """The class of the errors with this code of AWS."""
    return type(code, (ServiceError,), {})


def is_outage(error: Exception) -> bool:
    """Is it AWS that failed, after all attempts, so that trying later may help?"""
    return isinstance(error, Unreachable) or (isinstance(error, ServiceError) and error.temporary)


class _Errors:
    """The classes of errors by their codes, as `client.exceptions` of botocore has them."""

    def __getattr__(self, code: str) -> type[ServiceError]:
        return error_type(code)


def _utc() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """One service where it listens: signs requests to it, sends them, and tries again."""

    service: str  #: as it is signed for
    origin: str
    identity: Identity
    transport: Transport
    attempts: int = ATTEMPTS
    wait: Callable[[float], None] = time.sleep
    draw: Callable[[], float] = random.random
    clock: Callable[[], datetime] = _utc
    _signer: Signer = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_signer", Signer(self.service, self.identity.region))

    def request(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Request:
        """A signed request."""
        named = {"host": self.origin.partition("://")[2], **headers}
        signed = self._signer.signed(
            method, path, named, body, credentials=self.identity.credentials(), now=self.clock()
        )
        return Request(method, self.origin, path, signed, body)

    def answer(
        self, operation: str, headers: dict[str, str], body: bytes, read: Callable[[bytes], dict[str, Any]]
    ) -> dict[str, Any]:
        """The answer to a POST, as `read` reads it. Raises: ServiceError, Unreachable."""
        for attempt in range(1, self.attempts + 1):
            last = attempt == self.attempts
            try:
                response = self.transport.send(self.request("POST", "/", headers, body))
            except Unreachable:
                if last:
                    raise
                self._back_off(attempt, _BACKOFF_SECONDS)
                continue
            told = _told(response, read)
            if response.status < 300 and told is not None:
                return told
            error = _error(operation, response.status, told or {})
            if last or not error.temporary:
                raise error
            self._back_off(attempt, _THROTTLED_SECONDS if 400 <= response.status < 500 else _BACKOFF_SECONDS)
        raise AssertionError("no attempts were allowed")

    def answers(self, requests: Sequence[Request]) -> list[Response | Unreachable]:
        """The answers to requests that are sent once, side by side."""
        return self.transport.send_all(requests)

    def _back_off(self, attempt: int, seconds: float) -> None:
        self.wait(self.draw() * seconds * 2 ** (attempt - 1))


def _told(response: Response, read: Callable[[bytes], dict[str, Any]]) -> dict[str, Any] | None:
    """What a response says; None when it is not the service's: a gateway has words of its own."""
    try:
        told = read(response.body)
    except ValueError:
        return None
    return told if isinstance(told, dict) else None


def _error(operation: str, status: int, told: dict[str, Any]) -> ServiceError:
    code = str(told.get("__type") or told.get("Code") or "Unknown").rpartition("#")[2]
    return error_type(code)(operation, code, status, told)


class JsonClient:
    """A client of one service: `client.put_item(TableName=...)` asks for its operation PutItem."""

    def __init__(self, endpoint: Endpoint, target: str, version: str = "1.0") -> None:
        """`target` is what the service calls its API, `version` that of the protocol."""
        self.exceptions = _Errors()
        self._endpoint = endpoint
        self._target = target
        self._content_type = f"application/x-amz-json-{version}"

    def __getattr__(self, method: str) -> Callable[..., dict[str, Any]]:
        if method.startswith("_"):
            raise AttributeError(method)
        operation = method.title().replace("_", "")

        def call(**parameters: Any) -> dict[str, Any]:
            return self.call(operation, parameters)

        setattr(self, method, call)
        return call

    def call(self, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """What the operation answers. Raises: ServiceError, Unreachable."""
        headers = {"content-type": self._content_type, "x-amz-target": f"{self._target}.{operation}"}
        return self._endpoint.answer(operation, headers, json.dumps(parameters).encode(), _read_json)


def _read_json(body: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(body) if body else {}
    return found
