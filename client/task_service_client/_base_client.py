"""The common part of both clients: from effects to the arguments of httpx and websockets."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import httpx
from websockets.exceptions import InvalidStatus

from task_service_client._configuration import find_configuration
from task_service_client._effects import Request, Response
from task_service_client._errors import SocketLost, Unreachable
from task_service_client._live_operations import LiveOperations
from task_service_client._redrive_operations import RedriveOperations
from task_service_client._retries import Retries
from task_service_client._version import __version__

Token = str | Callable[[], str] | None

TIMEOUT_SECONDS: Final = 30.0
#: The limit of API Gateway for one message. Frames of the service have at most 32 KB.
MESSAGE_LIMIT_BYTES: Final = 128 * 1024
CLOSE_SECONDS: Final = 1.0
USER_AGENT: Final = f"task-service-client/{__version__}"


class Operations(LiveOperations, RedriveOperations):
    """All operations of a client."""


class BaseClient:
    """Configuration, operations, and the arguments of each request."""

    def __init__(
        self,
        url: str | None = None,
        token: Token = None,
        *,
        owner: str | None = None,
        timeout: float = TIMEOUT_SECONDS,
        retries: Retries | None = None,
        operations: Operations | None = None,
    ) -> None:
        """See `Client`. Tests pass `operations` with their own clock and random numbers."""
        text = token if isinstance(token, str) else None
        configuration = find_configuration(url, text, os.environ, Path.cwd())
        self.url = configuration.url
        self._token: Token = token if callable(token) else configuration.token
        self._owner = owner
        self._timeout = timeout
        self._operations = operations or Operations(retries)

    def _arguments(self, request: Request) -> dict[str, Any]:
        """The arguments of `httpx.Client.request`."""
        query = {name: value for name, value in request.query.items() if value is not None}
        if self._owner is not None:
            query["owner"] = self._owner
        headers = {"accept": "application/json", "user-agent": USER_AGENT, **request.headers}
        token = self._token() if callable(self._token) else self._token
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        content = None
        if request.body is not None:
            headers["content-type"] = "application/json"
            content = json.dumps(request.body, allow_nan=False).encode()
        return {
            "method": request.method,
            "url": f"{self.url}{request.path}{'?' + urlencode(query) if query else ''}",
            "headers": headers,
            "content": content,
            "timeout": httpx.Timeout(self._timeout + request.patience_seconds, connect=self._timeout),
        }

    def _websocket_options(self) -> dict[str, Any]:
        """The options of `websockets.connect`."""
        return {
            "open_timeout": self._timeout,
            "close_timeout": CLOSE_SECONDS,
            "max_size": MESSAGE_LIMIT_BYTES,
            "user_agent_header": USER_AGENT,
        }

    def _unreachable(self, error: httpx.HTTPError | httpx.InvalidURL) -> Unreachable:
        unsent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
        reason = str(error) or type(error).__name__
        return Unreachable(f"{self.url} does not answer: {reason}", unsent=unsent)


def response_of(response: httpx.Response) -> Response:
    """The response with its decoded body."""
    text = response.text
    try:
        body = json.loads(text) if text else None
    except ValueError:
        body = text
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Response(status=response.status_code, headers=headers, body=body)


def socket_lost(error: Exception) -> SocketLost:
    """The error for a WebSocket that could not be opened, or was closed."""
    if isinstance(error, InvalidStatus):
        return SocketLost(f"the service answered the handshake with {error.response.status_code}")
    return SocketLost(str(error) or type(error).__name__)
