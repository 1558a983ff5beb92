"""`http.request`: call an HTTP endpoint, with retries."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import time
from typing import Annotated, Any, Literal, TypedDict

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue
from pydantic_core import PydanticCustomError

from chalicelib import fetching
from chalicelib.domain.formats import to_json
from chalicelib.domain.outcomes import Rejected
from chalicelib.domain.task_types import TaskContext, task_type
from chalicelib.fetching import Request, Response, Target, Url, expect_success

BODY_LIMIT_BYTES = 65_536
_SECRET_PREFIX = "whsec_"  # noqa: S105 - the prefix of secrets in Standard Webhooks

_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_NOT_IN_A_VALUE = re.compile(r"[^\t\x20-\x7e\x80-\xff]")
#: Headers of the connection: a second opinion about the end of a request would allow request smuggling.
_SET_BY_THE_SERVICE = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
# A binary body would be mostly control characters, each of which is six bytes of JSON.
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")


def _header_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise PydanticCustomError("header_name", "this is not a valid header name")
    if name.lower() in _SET_BY_THE_SERVICE or name.lower().startswith("webhook-"):
        raise PydanticCustomError("header_name", "this header is set by the service")
    return name


def _header_value(value: str) -> str:
    if _NOT_IN_A_VALUE.search(value):
        raise PydanticCustomError(
            "header_value", "a header value is latin-1 without line breaks or other control characters"
        )
    return value


def _each_once(headers: dict[str, str]) -> dict[str, str]:
    if len({name.lower() for name in headers}) < len(headers):
        raise PydanticCustomError("header_twice", "the same header is given twice in different case")
    return headers


def _encodable(body: JsonValue) -> JsonValue:
    if isinstance(body, str):
        try:
            body.encode()
        except UnicodeEncodeError:
            raise PydanticCustomError(
                "body_text", "text with half a surrogate pair cannot be encoded"
            ) from None
    return body


HeaderName = Annotated[str, AfterValidator(_header_name)]
HeaderValue = Annotated[str, Field(max_length=8192), AfterValidator(_header_value)]
Headers = Annotated[dict[HeaderName, HeaderValue], Field(max_length=50), AfterValidator(_each_once)]


class HttpRequest(BaseModel):
    """The request to send."""

    model_config = ConfigDict(extra="forbid")

    url: Url
    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] = "GET"
    headers: Headers = Field(default_factory=dict)
    body: Annotated[JsonValue, AfterValidator(_encodable)] = Field(
        default=None, description="A string is sent as it is, another value as JSON; null sends no body."
    )
    timeout_seconds: float = Field(default=10, gt=0, le=60, allow_inf_nan=False)
    secret: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9_.-]{1,64}$",
        description="Name of the secret that signs the request (Standard Webhooks).",
    )
    follow_redirects: bool = False


class HttpResult(TypedDict):
    """The response."""

    status: int
    headers: dict[str, str]  #: names in lower case
    body: str
    truncated: bool  #: the body was longer than BODY_LIMIT_BYTES


@task_type("http.request", payload=HttpRequest, max_attempts=5, timeout_seconds=70)
def http_request(payload: HttpRequest, context: TaskContext) -> HttpResult:
    """Call an HTTP endpoint: 2xx succeeds, 408, 429 and 5xx are retried, anything else fails.

    Every attempt sends the task's id as `webhook-id`, so that a receiver can detect a repeated request.
    """
    response = fetching.fetch(
        _request(payload, context),
        timeout_seconds=min(payload.timeout_seconds, fetching.time_left(context)),
        limit_bytes=BODY_LIMIT_BYTES,
        follow_redirects=payload.follow_redirects,
    )
    expect_success(response)
    return _result(response)


def _request(payload: HttpRequest, context: TaskContext) -> Request:
    body, content_type = _encoded(payload.body)
    headers = {"webhook-id": context.task_id, **content_type}
    headers |= {name.lower(): value for name, value in payload.headers.items()}
    if payload.secret is not None:
        secret = context.secret(payload.secret, Target.parse(payload.url).host)
        headers |= signature(secret, context.task_id, int(time.time()), body or b"")
    return Request(url=payload.url, method=payload.method, headers=headers, body=body)


def _encoded(body: Any) -> tuple[bytes | None, dict[str, str]]:
    if body is None:
        return None, {}
    if isinstance(body, str):
        return body.encode(), {"content-type": "text/plain; charset=utf-8"}
    return to_json(body).encode(), {"content-type": "application/json"}


def signature(secret: str, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The headers that authenticate a body and its time (Standard Webhooks, symmetric).

    Raises: Rejected when the secret is not "whsec_" followed by base64.
    """
    try:
        key = base64.b64decode(secret.removeprefix(_SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not key or not secret.startswith(_SECRET_PREFIX):
        raise Rejected(f'the secret is not "{_SECRET_PREFIX}" followed by base64')
    signed = b"%b.%d.%b" % (message_id.encode(), timestamp, body)
    digest = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    return {"webhook-timestamp": str(timestamp), "webhook-signature": f"v1,{digest}"}


def _result(response: Response) -> HttpResult:
    text = _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", response.text)
    body = text.encode()[:BODY_LIMIT_BYTES].decode(errors="ignore")
    return {
        "status": response.status,
        "headers": dict(response.headers),
        "body": body,
        "truncated": response.truncated or len(body) < len(text),
    }
