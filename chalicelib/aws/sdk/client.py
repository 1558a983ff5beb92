"""A small AWS client with botocore's call shapes.

It speaks AWS's JSON protocol, which DynamoDB, SQS and SSM share. Arguments and results are botocore's,
without `ResponseMetadata`. It leaves out validation, paginators, waiters, timestamps and bytes. A test
compares each request with botocore's.
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

from chalicelib.aws.sdk.credentials import AwsSession
from chalicelib.aws.sdk.sigv4 import Signer
from chalicelib.aws.sdk.transport import Request, Response, Transport, Unreachable
from chalicelib.domain.errors import Outage

#: A request is sent at most this often.
ATTEMPTS = 4
#: The longest wait before the second attempt. It doubles with each further one (full jitter).
_BACKOFF_SECONDS = 0.1
_THROTTLED_SECONDS = 0.5
#: Error codes of status 400 that mean "later".
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
    """An AWS service refused a request. Each error code has its own class: see `error_type`."""

    def __init__(self, operation: str, code: str, status: int, response: dict[str, Any]) -> None:
        message = response.get("message") or response.get("Message") or ""
        super().__init__(f"{operation}: {code} ({status}) {message}".rstrip())
        self.code = code
        self.status = status
        self.response = response  #: further fields, such as Item and CancellationReasons

    @property
    def temporary(self) -> bool:
        """May the same request succeed later? An unreadable 2xx is treated as retryable."""
        return not 300 <= self.status < 500 or self.status in (408, 429) or self.code in _THROTTLED


@cache
def error_type(code: str) -> type[ServiceError]:
    """The class of the errors with this AWS error code."""
    return type(code, (ServiceError,), {})


class Errors:
    """Error classes by code, like `client.exceptions` of botocore."""

    def __getattr__(self, code: str) -> type[ServiceError]:
        return error_type(code)


def _utc() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """The endpoint of one service: signs requests, sends them and retries them."""

    service: str  #: its name in the signature
    origin: str
    session: AwsSession
    transport: Transport
    attempts: int = ATTEMPTS
    wait: Callable[[float], None] = time.sleep
    draw: Callable[[], float] = random.random
    clock: Callable[[], datetime] = _utc
    _signer: Signer = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_signer", Signer(self.service, self.session.region))

    def request(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Request:
        """A signed request."""
        unsigned = {"host": self.origin.partition("://")[2], **headers}
        signed = self._signer.signed(
            method, path, unsigned, body, credentials=self.session.credentials(), now=self.clock()
        )
        return Request(method, self.origin, path, signed, body)

    def call(
        self, operation: str, headers: dict[str, str], body: bytes, parse: Callable[[bytes], dict[str, Any]]
    ) -> dict[str, Any]:
        """POST a request. Returns the body of the response, parsed.

        Raises: ServiceError when AWS refuses the request; Outage when every attempt fails for a reason that
        may pass.
        """
        for attempt in range(1, self.attempts + 1):
            longest_wait = _BACKOFF_SECONDS
            failure: Exception
            try:
                response = self.transport.send(self.request("POST", "/", headers, body))
            except Unreachable as error:
                failure = error
            else:
                parsed = _parsed(response, parse)
                if response.status < 300 and parsed is not None:
                    return parsed
                failure = _service_error(operation, response.status, parsed or {})
                if not failure.temporary:
                    raise failure
                if 400 <= response.status < 500:
                    longest_wait = _THROTTLED_SECONDS
            if attempt < self.attempts:
                self.wait(self.draw() * longest_wait * 2 ** (attempt - 1))
        raise Outage(str(failure)) from failure

    def send_all(self, requests: Sequence[Request]) -> list[Response | Unreachable]:
        """Send requests once, side by side. Returns a response or an error for each, in order."""
        return self.transport.send_all(requests)


def _parsed(response: Response, parse: Callable[[bytes], dict[str, Any]]) -> dict[str, Any] | None:
    """The body of a response; None when the service did not write it: gateways have pages of their own."""
    try:
        parsed = parse(response.body)
    except ValueError:
        return None
    return parsed if isinstance(parsed, dict) else None


def _service_error(operation: str, status: int, body: dict[str, Any]) -> ServiceError:
    code = str(body.get("__type") or body.get("Code") or "Unknown").rpartition("#")[2]
    return error_type(code)(operation, code, status, body)


class JsonClient:
    """A client of one service with JSON operations."""

    def __init__(self, endpoint: Endpoint, target: str, version: str = "1.0") -> None:
        """`target` is the name of the service's API, `version` that of the protocol."""
        self.exceptions = Errors()
        self._endpoint = endpoint
        self._target = target
        self._content_type = f"application/x-amz-json-{version}"

    def call(self, operation: str, parameters: dict[str, Any]) -> Any:
        """Call an operation. Returns its result. Raises: ServiceError, Outage."""
        headers = {"content-type": self._content_type, "x-amz-target": f"{self._target}.{operation}"}
        return self._endpoint.call(operation, headers, json.dumps(parameters).encode(), _parse_json)


def _parse_json(body: bytes) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(body) if body else {}
    return parsed


def operation(name: str) -> Callable[..., Any]:
    """A method that calls the operation with its keyword arguments."""

    def method(client: JsonClient, **parameters: Any) -> Any:
        return client.call(name, parameters)

    return method
